import t from 'tap'
import { RequestHead } from '../../../src/http1/request-head.ts'
import { rewriteRequestHead } from '../../../src/http1/rewrite-request-head.ts'

const LIMITS = { maxHeadBytes: 32_768, maxHeaderFields: 128, maxUriBytes: 16_384 }

function forwarded (fields: string): string {
  const head = new RequestHead(LIMITS)
  const bytes = Buffer.from(`POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`, 'latin1')
  head.reset(bytes, 0)
  t.equal(head.parse(bytes.length), 1)
  const out = Buffer.alloc(4096)
  const additions = {
    prefix: Buffer.from('Via: 1.1 weir\r\nX-Request-Id: '),
    requestId: Buffer.from('1'),
    forwardedHost: undefined,
    defaultHost: '',
    dropClaims: false,
    fields: null
  }
  return out.toString('latin1', 0, rewriteRequestHead(head, additions, out, 0))
}

t.test('names that a CGI origin would take for framing or identity fields are not passed on', t => {
  for (const name of ['Transfer_Encoding', 'transfer_encoding', 'Content_Length', 'X_Forwarded_For', 'X-Forwarded_For', 'X_Forwarded-Proto', 'X_Request_Id', 'X_Forwarded_Port', 'X_Real-IP', 'X_Weir_Version', 'Client_Cert', 'X.Real.IP', 'X-Client.Cert.Subject', 'Content.Length', 'Transfer~Encoding', 'X|Weir|Version', 'Proxy_Authorization']) {
    t.notOk(forwarded(`${name}: chunked\r\nContent-Length: 0\r\n`).includes(`\r\n${name}:`), name)
  }
  t.end()
})

t.test('other names with underscores pass unchanged', t => {
  for (const name of ['X_Custom', 'content_lengths', 'user_agent', '_', 'x_real_ips', 'x_forwarded', 'x.custom', 'x.real.ips', 'content.lengths']) {
    t.match(forwarded(`${name}: 1\r\n`), `\r\n${name}: 1\r\n`, name)
  }
  t.end()
})
