/**
 * Who may ask a replica, and who may not.
 */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createSecretKey } from 'node:crypto'
import t, { type Test } from 'tap'
import { ProofGate, type PeerRequest } from '../../../src/replicas/proof-gate.ts'
import { answerProof, formatProof, parseChallenge, requestProof } from '../../../src/replicas/replica-proof.ts'
import { ReplicaSecret } from '../../../src/replicas/replica-secret.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { ListLog } from '../../helpers/list-log.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

const ONE = 'one-secret-of-32-characters-abcd'
const TWO = 'two-secret-of-32-characters-efgh'
const HERE = '10.0.0.1:9901'

async function gateWith (t: Test, content: string) {
  const file = path.join(await temporaryDirectory(t), 'secret')
  await writeFile(file, content)
  const clock = new FakeClock()
  const log = new ListLog()
  const gate = new ProofGate({ secret: new ReplicaSecret(file, clock, log), clock, log })
  const challenge = async (): Promise<string> => {
    const refused = await gate.admit({ method: 'GET', target: '/', to: HERE, local: HERE, peer: '10.0.0.2', authorization: undefined })
    return refused.ok ? '' : parseChallenge(refused.challenge)?.challenge ?? ''
  }
  return { gate, clock, log, file, challenge }
}

let nonces = 0

/** A request as a replica with this secret makes it; `changed` on its way. */
function requestOf (challenge: string, secret: string, changed: Partial<PeerRequest> = {}): PeerRequest & { readonly proof: string } {
  const asked = { method: 'GET', target: '/v1/replica?route=hello', to: HERE }
  const sent = { challenge, nonce: `nonce-of-this-test-${++nonces}` }
  const proof = requestProof(createSecretKey(Buffer.from(secret)), { ...asked, ...sent })
  return { ...asked, local: HERE, peer: '10.0.0.2', authorization: formatProof({ ...sent, proof }), proof, ...changed }
}

t.test('a request with a proof is answered with one', async t => {
  const { gate, challenge } = await gateWith(t, ONE)
  const request = requestOf(await challenge(), ONE)
  const admission = await gate.admit(request)
  t.equal(admission.ok && admission.sign(200, 'body'), answerProof(createSecretKey(Buffer.from(ONE)), request.proof, { status: 200, body: 'body' }))
  t.not(admission.ok && admission.sign(200, 'other'), admission.ok && admission.sign(200, 'body'))
  t.not(admission.ok && admission.sign(404, 'body'), admission.ok && admission.sign(200, 'body'))
})

t.test('whatever is changed on the way, it is refused', async t => {
  const { gate, challenge } = await gateWith(t, ONE)
  const refusalOf = async (request: PeerRequest): Promise<string> => {
    const admission = await gate.admit(request)
    return admission.ok ? 'ok' : admission.refusal
  }
  const first = await challenge()
  t.equal(await refusalOf(requestOf(first, ONE, { method: 'HEAD' })), 'secret')
  t.equal(await refusalOf(requestOf(first, ONE, { target: '/v1/replica?route=other' })), 'secret')
  t.equal(await refusalOf(requestOf(first, ONE, { to: '10.0.0.3:9901' })), 'secret')
  t.equal(await refusalOf(requestOf(first, TWO)), 'secret')
  t.equal(await refusalOf(requestOf('a-challenge-of-nobody', ONE)), 'stale')
  t.equal(await refusalOf(requestOf(first, ONE, { local: '10.0.0.3:9901' })), 'elsewhere', 'somebody at 10.0.0.1 has passed it on to 10.0.0.3')
  const authorization = [undefined, '', 'Bearer x', 'Weir-Replica', 'Weir-Replica challenge="", nonce="", proof=""', `Weir-Replica challenge="${first}", nonce="${'n'.repeat(65)}", proof="${'p'.repeat(43)}"`]
  for (const text of authorization) t.equal(await refusalOf(requestOf(first, ONE, { authorization: text })), 'none', text ?? 'nothing')
  t.equal(await refusalOf(requestOf(first, ONE)), 'ok', 'none of them is in the way of who may ask')
})

t.test('what was answered once is not answered again, and is not kept for ever', async t => {
  const { gate, clock, challenge } = await gateWith(t, ONE)
  const first = await challenge()
  const request = requestOf(first, ONE)
  t.match(await gate.admit(request), { ok: true })
  t.match(await gate.admit(request), { ok: false, refusal: 'replayed' })
  clock.advance(60_000)
  const second = await challenge()
  t.not(second, first)
  t.match(await gate.admit(requestOf(first, ONE)), { ok: true }, 'who has just asked is not refused for that')
  t.match(await gate.admit(request), { ok: false, refusal: 'replayed' })
  clock.advance(60_000)
  await challenge()
  t.match(await gate.admit(request), { ok: false, refusal: 'stale' })
  t.match(await gate.admit(requestOf(first, ONE)), { ok: false, refusal: 'stale' })
})

t.test('so many requests use a challenge up, and only those that are proven', async t => {
  const { gate, challenge } = await gateWith(t, ONE)
  const first = await challenge()
  for (let count = 0; count < 5_000; count++) await gate.admit(requestOf(first, TWO))
  t.equal(await challenge(), first)
  for (let count = 0; count < 4_096; count++) await gate.admit(requestOf(first, ONE))
  t.not(await challenge(), first)
})

t.test('during a rotation each secret of the file is good, and the answer is made with the same', async t => {
  const { gate, log, challenge } = await gateWith(t, `${TWO}\n${ONE}\n`)
  for (const secret of [ONE, TWO]) {
    const request = requestOf(await challenge(), secret)
    const admission = await gate.admit(request)
    t.equal(admission.ok && admission.sign(200, ''), answerProof(createSecretKey(Buffer.from(secret)), request.proof, { status: 200, body: '' }))
  }
  t.match(await gate.admit(requestOf(await challenge(), 'three-secret-of-32-characters-ij')), { ok: false, refusal: 'secret' })
  t.match(log.events.map(({ message, fields }) => [message, fields]), [['a request of a replica is refused: it was not made with the secret of this one', { endpoint: '10.0.0.2' }]])
})

t.test('without a secret that can be used nobody is answered', async t => {
  const { gate, challenge } = await gateWith(t, 'short')
  t.match(await gate.admit(requestOf(await challenge(), 'short')), { ok: false, refusal: 'secret' })
  t.match(await gate.admit(requestOf(await challenge(), '')), { ok: false, refusal: 'secret' })
})
