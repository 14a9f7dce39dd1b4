/**
 * Whatever two replicas say to each other: a proof is good for exactly what it was made for.
 */
import { createSecretKey } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import {
  answerProof, formatChallenge, formatProof, parseChallenge, parseProof, requestProof, sameProof, type ProvenRequest
} from '../../src/replicas/replica-proof.ts'

const key = fc.string({ minLength: 32, maxLength: 64, unit: 'grapheme-ascii' }).map(text => ({ text, key: createSecretKey(Buffer.from(text)) }))
/** With parts that could be taken for others if they were only joined. */
const text = fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('', '"', '","', '\\', '\n', '[]', 'GET', '/v1/replica'))
const request: fc.Arbitrary<ProvenRequest> = fc.record({ method: text, target: text, to: text, challenge: text, nonce: text })
const token = fc.stringMatching(/^[A-Za-z0-9_-]{16,64}$/)

t.test('two requests have one proof only if they are the same, by the same secret', async t => {
  fc.assert(fc.property(key, key, request, request, (left, right, one, other) => {
    const same = left.text === right.text && JSON.stringify(one) === JSON.stringify(other)
    return sameProof(requestProof(left.key, one), requestProof(right.key, other)) === same
  }), { numRuns: 500 })
  t.pass()
})

t.test('an answer has its proof for one request, one status and one body', async t => {
  const answer = fc.record({ request: text, status: fc.integer({ min: 100, max: 599 }), body: text })
  fc.assert(fc.property(key, answer, answer, ({ key }, one, other) => {
    const same = one.request === other.request && one.status === other.status && one.body === other.body
    return sameProof(answerProof(key, one.request, one), answerProof(key, other.request, other)) === same
  }), { numRuns: 500 })
  fc.assert(fc.property(key, request, text, ({ key }, asked, body) =>
    !sameProof(requestProof(key, asked), answerProof(key, requestProof(key, asked), { status: 200, body }))), { numRuns: 200 })
  t.pass('a proof of a request is none of an answer, so nothing can be sent back')
})

t.test('what is written is read, and anything else is nothing', async t => {
  fc.assert(fc.property(token, token, token, (challenge, nonce, proof) => {
    const sent = { challenge, nonce, proof }
    return JSON.stringify(parseProof(formatProof(sent))) === JSON.stringify(sent)
  }), { numRuns: 200 })
  fc.assert(fc.property(token, challenge => parseChallenge(formatChallenge(challenge, 'stale'))?.challenge === challenge), { numRuns: 100 })
  fc.assert(fc.property(fc.string({ maxLength: 200 }), other => parseProof(other) === undefined && parseChallenge(other) === undefined), { numRuns: 500 })
  t.pass()
})
