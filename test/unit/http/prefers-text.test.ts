import t from 'tap'
import { prefersText } from '../../../src/http/own-answer.ts'

for (const [accept, text] of [
  [undefined, false],
  ['', false],
  ['*/*', false],
  ['application/json', false],
  ['application/problem+json, text/plain', false],
  ['text/plain', true],
  ['TEXT/HTML', true],
  ['text/*', true],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true],
  ['text/plain;q=0.5, application/json;q=0.4', true],
  ['text/plain;q=0.4, application/json;q=0.5', false],
  ['text/plain; q=0', false],
  ['text/plain;q=0.3, */*;q=0.8', false],
  ['text/plain ; charset=utf-8 ; q=0.9', true],
  ['image/png', false],
  [';;;,,,q=1', false],
  [`${'a/b,'.repeat(1_000)}text/plain`, false]
] as const) {
  t.test(`Accept: ${String(accept).slice(0, 60)} → ${text ? 'text' : 'JSON'}`, async t => { t.equal(prefersText(accept), text) })
}
