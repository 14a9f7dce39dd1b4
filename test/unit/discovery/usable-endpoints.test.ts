import t from 'tap'
import type { Endpoint } from '../../../src/core/endpoint.ts'
import { usableEndpoints } from '../../../src/discovery/usable-endpoints.ts'

function endpoint (address: string, conditions: 'ready' | 'unready' | 'draining' | 'dying'): Endpoint {
  return {
    address,
    port: 80,
    ready: conditions === 'ready',
    serving: conditions === 'ready' || conditions === 'draining',
    terminating: conditions === 'draining' || conditions === 'dying'
  }
}

const READY = endpoint('192.0.2.1', 'ready')
const DRAINING = endpoint('192.0.2.2', 'draining')
const UNREADY = endpoint('192.0.2.3', 'unready')
const DYING = endpoint('192.0.2.4', 'dying')

t.test('ready endpoints only, while there is one', async t => {
  t.strictSame(usableEndpoints([DYING, UNREADY, DRAINING, READY]), [READY])
})

t.test('without any, those that are terminating but serving', async t => {
  t.strictSame(usableEndpoints([DYING, UNREADY, DRAINING]), [DRAINING])
})

t.test('else none', async t => {
  t.strictSame(usableEndpoints([DYING, UNREADY]), [])
  t.strictSame(usableEndpoints([]), [])
})

t.test('serving without terminating is not enough: Kubernetes calls it not ready', async t => {
  t.strictSame(usableEndpoints([{ ...UNREADY, serving: true }]), [])
})

t.test('ready although terminating (publishNotReadyAddresses) counts as ready', async t => {
  const published = { ...READY, terminating: true }
  t.strictSame(usableEndpoints([published, DRAINING]), [published])
})
