import t from 'tap'
import { CertificateChoice } from '../../../src/downstream/certificate-choice.ts'
import type { TlsCertificate } from '../../../src/contract/listener-spec.ts'

const certificate = (cert: string, ...names: readonly string[]): TlsCertificate => ({ cert, key: '', names })

t.test('an exact name wins over a wildcard, whatever the order', async t => {
  const wildcard = certificate('wildcard', '*.example.test')
  const exact = certificate('exact', 'api.example.test')
  for (const certificates of [[wildcard, exact], [exact, wildcard]]) {
    const choice = new CertificateChoice(certificates)
    t.equal(choice.choose('api.example.test')?.cert, 'exact')
    t.equal(choice.choose('www.example.test')?.cert, 'wildcard')
  }
})

t.test('a wildcard stands for exactly one label', async t => {
  const choice = new CertificateChoice([certificate('wildcard', '*.example.test')])
  for (const name of ['example.test', 'a.b.example.test', '.example.test', 'aexample.test', '', '.', 'test']) {
    t.equal(choice.choose(name), undefined, name)
  }
})

t.test('a wildcard that is not a whole label is none', async t => {
  const choice = new CertificateChoice([certificate('part', 'w*.example.test', 'a.*.test', '*')])
  for (const name of ['www.example.test', 'a.b.test', 'test', 'a.test']) t.equal(choice.choose(name), undefined, name)
})

t.test('names are compared in any case', async t => {
  const choice = new CertificateChoice([certificate('one', 'api.example.test', '*.other.test')])
  t.equal(choice.choose('API.example.TEST')?.cert, 'one')
  t.equal(choice.choose('A.OTHER.test')?.cert, 'one')
})

t.test('of two with the same name the first is used', async t => {
  const choice = new CertificateChoice([certificate('first', 'a.test', '*.b.test'), certificate('second', 'a.test', '*.b.test')])
  t.equal(choice.choose('a.test')?.cert, 'first')
  t.equal(choice.choose('x.b.test')?.cert, 'first')
})

t.test('names like members of objects are names', async t => {
  const choice = new CertificateChoice([certificate('one', 'a.test')])
  for (const name of ['__proto__', 'constructor', 'toString', 'x.__proto__']) t.equal(choice.choose(name), undefined, name)
})
