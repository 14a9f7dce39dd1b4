import t from 'tap'
import { machineAddresses, OwnPorts } from '../../../src/core/own-ports.ts'

const MACHINE = ['127.0.0.1', '::1', '192.0.2.7', 'fd00::7']
const at = (own: string, address: string, port = 8080): string | undefined =>
  new OwnPorts([{ name: 'web', address: own, port: 8080 }], () => MACHINE).at(address, port)

t.test('an address and port at which Weir listens', async t => {
  for (const [own, address] of [
    ['127.0.0.1', '127.0.0.1'], ['127.0.0.1', '0.0.0.0'], ['127.0.0.1', '::ffff:127.0.0.1'], ['192.0.2.7', '192.0.2.7'], ['::1', '::1'],
    ['::1', '::'], ['fd00::7', 'fd00:0::7'],
    ['0.0.0.0', '127.0.0.1'], ['0.0.0.0', '127.9.9.9'], ['0.0.0.0', '192.0.2.7'], ['0.0.0.0', '0.0.0.0'],
    ['::', '127.0.0.1'], ['::', '::1'], ['::', '192.0.2.7'], ['::', 'fd00::7'], ['::', '::']
  ] as const) t.equal(at(own, address), 'web', `${own} takes what goes to ${address}`)
})

t.test('elsewhere: another port, another address, another machine, another family', async t => {
  for (const [own, address] of [
    ['127.0.0.1', '127.0.0.2'], ['127.0.0.1', '192.0.2.7'], ['192.0.2.7', '127.0.0.1'], ['127.0.0.1', '::1'],
    ['0.0.0.0', '192.0.2.8'], ['0.0.0.0', '::1'], ['0.0.0.0', 'fd00::7'], ['::', '192.0.2.8'], ['::', 'fd00::8']
  ] as const) t.equal(at(own, address), undefined, `${own} takes nothing that goes to ${address}`)
  t.equal(at('::', '127.0.0.1', 8081), undefined)
  t.equal(at('::', 'app'), undefined, 'a name is not known yet')
  t.equal(
    new OwnPorts([{ name: 'web', address: '::', port: 0 }], () => MACHINE).at('127.0.0.1', 0),
    undefined,
    'port 0 is any that is free'
  )
})

t.test('the addresses of this machine', async t => {
  t.ok(machineAddresses().includes('127.0.0.1'))
})
