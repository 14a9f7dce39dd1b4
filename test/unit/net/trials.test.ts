/** The trials of what Node does not document find out when it has changed. */
import net from 'node:net'
import t, { type Test } from 'tap'
import { tryTcp } from '../../../src/net/try-tcp.ts'
import { tryTls } from '../../../src/net/try-tls.ts'

t.test('both pass on the Node that npm brings, and leave nothing open', async t => {
  t.equal(await tryTcp(), undefined)
  t.equal(await tryTls(), undefined)
})

/** The object that the handles of all TCP sockets have a function from. */
async function ownerOf (name: string): Promise<object> {
  const server = net.createServer()
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const handle: unknown = Reflect.get(server, '_handle')
  let owner: object | null = typeof handle === 'object' ? handle : null
  while (owner !== null && !Object.hasOwn(owner, name)) owner = Reflect.getPrototypeOf(owner)
  await new Promise<void>(resolve => { server.close(() => { resolve() }) })
  if (owner === null) throw new Error(`no handle has ${name}`)
  return owner
}

/** Another Node, in which a function of all handles does something else. */
async function change (t: Test, name: string, make: (original: (...args: unknown[]) => unknown) => unknown): Promise<void> {
  const owner = await ownerOf(name)
  const descriptor = Object.getOwnPropertyDescriptor(owner, name)
  if (descriptor === undefined) throw new Error(`there is no ${name}`)
  const original: unknown = descriptor.value
  if (typeof original !== 'function') throw new Error(`${name} is no function`)
  const value = make(function (this: unknown, ...args: unknown[]): unknown { return Reflect.apply(original, this, args) })
  Object.defineProperty(owner, name, { ...descriptor, value })
  t.teardown(() => { Object.defineProperty(owner, name, descriptor) })
}

t.test('a handle without the functions', async t => {
  await change(t, 'useUserBuffer', () => undefined)
  t.match(await tryTcp(), /handle/)
})

t.test('a write that does not say how it went', async t => {
  await change(t, 'writeBuffer', original => function (this: unknown, ...args: unknown[]) {
    Reflect.apply(original, this, args)
    return {}
  })
  t.equal(await tryTcp(), 'a write that the kernel has room for is not over at once')
})

t.test('a write of nothing that tells of no reset', async t => {
  await change(t, 'writeBuffer', original => function (this: unknown, request: unknown, bytes: Buffer) {
    return bytes.length === 0 ? 0 : Reflect.apply(original, this, [request, bytes])
  })
  t.match(await tryTcp(200), /^a reset behind a FIN does not come/)
})

t.test('the end of a TLS connection that is not told apart', async t => {
  await change(t, 'readStart', original => function (this: unknown) {
    Reflect.apply(original, this, [])
    return 0
  })
  t.match(await tryTls(), /close_notify/)
})
