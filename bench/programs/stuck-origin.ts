/**
 * The origin of `npm run bench:memory`. Arguments: the ports. What it does with a request follows from its path:
 *   /64       64 bytes
 *   /slow     nothing, ever
 *   /upload   does not read the body
 *   /big      a body without end
 *   /hints    30 interim responses of 30 KB, then 64 bytes
 */
import { createServer, type Socket } from 'node:net'

const SMALL = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n${'weir bench body\n'.repeat(4)}`)
const BIG_HEAD = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${2 ** 40}\r\n\r\n`)
const BLOCK = Buffer.alloc(262_144, 'weir bench body\n')
const HINTS = Buffer.from(`HTTP/1.1 103 Early Hints\r\nLink: <${'x'.repeat(30_000)}>\r\n\r\n`.repeat(30))
const HEAD_END = '\r\n\r\n'

function answer (socket: Socket, path: string): void {
  if (path === '/64') socket.write(SMALL)
  else if (path === '/upload') socket.pause()
  else if (path === '/hints') socket.write(Buffer.concat([HINTS, SMALL]))
  else if (path === '/big') {
    socket.write(BIG_HEAD)
    const goOn = (): void => { while (socket.writable && socket.write(BLOCK)); }
    socket.on('drain', goOn)
    goOn()
  }
}

for (const port of process.argv.slice(2).map(Number)) {
  createServer(socket => {
    let text = ''
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1')
      for (let end = text.indexOf(HEAD_END); end >= 0; end = text.indexOf(HEAD_END)) {
        const path = text.split(' ', 2)[1] ?? ''
        text = text.slice(end + HEAD_END.length)
        answer(socket, path)
      }
    })
  }).listen({ host: '127.0.0.1', port, backlog: 4096 })
}
