import t from 'tap'
import { offersLoginScheme, usesLoginScheme } from '../../../src/http1/connection-options.ts'

const among = (value: string, judge: typeof usesLoginScheme): boolean => judge(Buffer.from(`xx${value}xx`, 'latin1'), 2, 2 + value.length)

t.test('credentials are judged by their first word', async t => {
  for (const value of ['NTLM', 'ntlm TlRMTVNTUAAB', 'Negotiate YII=', 'NEGOTIATE', 'Kerberos x', 'Nego2 x', ', NTLM x', '"NTLM" x']) t.ok(among(value, usesLoginScheme), value)
  for (const value of ['', ' ', ',', 'Basic ntlm', 'Bearer Negotiate', 'NTLMSSP x', 'Negotiate2 x', 'Negotiat', 'N']) t.notOk(among(value, usesLoginScheme), value)
})

t.test('a challenge counts wherever it stands in a list', async t => {
  for (const value of [
    'NTLM', 'Negotiate abc==', 'Basic realm="x", NTLM', 'Basic realm="a, b",nTLM', ',,\tNegotiate', 'Digest realm="x", nonce="NTLM', 'Basic realm="x" NTLM'
  ]) t.ok(among(value, offersLoginScheme), value)
  for (const value of ['', 'Basic realm="x"', 'Bearer error="invalid_token"', 'NTLMSSP', 'Basic realm="ntlm-like"', 'Digest nonce="xNTLM"']) t.notOk(among(value, offersLoginScheme), value)
})

t.test('nothing behind the value is read', async t => {
  t.notOk(usesLoginScheme(Buffer.from('NTLM'), 0, 3))
  t.notOk(usesLoginScheme(Buffer.from('NTLM'), 0, 0))
  t.ok(usesLoginScheme(Buffer.from('NTLMx'), 0, 4))
})
