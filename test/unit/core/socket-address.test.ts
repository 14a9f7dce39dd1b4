import t from 'tap'
import { isLoopback, parseHostPort, parseIp, parseTarget } from '../../../src/core/socket-address.ts'

t.test('an address and port, in one spelling', async t => {
  t.same(parseHostPort('127.0.0.1:80'), { address: '127.0.0.1', port: 80 })
  t.same(parseHostPort('[::1]:65535'), { address: '::1', port: 65535 })
  t.same(parseHostPort('[2001:DB8:0:0:0:0:0:1]:1'), { address: '2001:db8::1', port: 1 })
  t.same(parseHostPort('[::ffff:127.0.0.1]:80'), { address: '127.0.0.1', port: 80 })
})

t.test('anything else is refused with a remedy', async t => {
  const refusals: ReadonlyArray<readonly [string, RegExp]> = [
    ['', /write it as 127\.0\.0\.1:9001/],
    ['localhost:80', /where an IP address or a name has to be/],
    ['127.0.0.1', /add the port, such as 127\.0\.0\.1:80/],
    ['::1', /in brackets and add a port, such as \[::1\]:80/],
    ['[::1]', /add the port, such as \[::1\]:80/],
    ['[127.0.0.1]:80', /no IPv6 address in its brackets/],
    ['[]:80', /no address/],
    ['[fe80::1%eth0]:80', /zones are not supported/],
    ['127.0.0.1:', /no valid port/],
    ['127.0.0.1:0', /no valid port/],
    ['127.0.0.1:080', /no valid port/],
    ['127.0.0.1:65536', /no valid port/],
    ['127.0.0.1:1e3', /no valid port/],
    ['127.0.0.1:80\n', /no valid port/],
    [' 127.0.0.1:80', /where an IP address or a name has to be/]
  ]
  for (const [text, message] of refusals) t.throws(() => parseHostPort(text), { name: 'RangeError', message }, JSON.stringify(text))
})

t.test('what a name lacks is said of the name', async t => {
  t.same(parseTarget('App:8080'), { host: 'app', port: 8080, isName: true })
  t.throws(() => parseTarget('app'), { message: '"app" is not an address and port: add the port, such as app:80' })
  for (const text of ['app:', 'app:0', 'app:65536', 'app:http', 'app:$PORT']) {
    t.throws(() => parseTarget(text), { message: `"${text}" has no valid port: write a number from 1 to 65535 after the colon` })
  }
})

t.test('one spelling for one address', async t => {
  t.same(parseIp('1.2.3.4'), { family: 'ipv4', address: '1.2.3.4' })
  t.same(parseIp('::ffff:102:304'), { family: 'ipv4', address: '1.2.3.4' })
  t.same(parseIp('FE80:0::0001%eth0'), { family: 'ipv6', address: 'fe80::1' })
  for (const text of ['', '1.2.3', '01.2.3.4', '::1::', 'a', '[::1]', '1.2.3.4%eth0']) t.equal(parseIp(text), undefined, JSON.stringify(text))
})

t.test('loopback', async t => {
  for (const text of ['127.0.0.1', '127.255.0.1', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1']) t.equal(isLoopback(text), true, text)
  for (const text of ['0.0.0.0', '::', '128.0.0.1', '::2', 'localhost', '']) t.equal(isLoopback(text), false, text)
})
