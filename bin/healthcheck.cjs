// Is the Weir of this container well? Asks /healthz, which needs no token, and ends with 0 or 1. For the HEALTHCHECK of the image.
'use strict'

const http = require('http')

/** The environment says where, as it does to Weir: first the port of the probes, then that of the admin API. */
const port = process.env.WEIR_ADMIN_PROBES_PORT || process.env.WEIR_ADMIN_PORT || '9901'
const TIMEOUT_MS = 2000

const request = http.get({ host: '127.0.0.1', port, path: '/healthz', agent: false, timeout: TIMEOUT_MS }, response => {
  response.resume()
  process.exitCode = response.statusCode === 200 ? 0 : 1
})
request.on('timeout', () => { request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)) })
request.on('error', error => {
  process.stderr.write(`healthcheck: 127.0.0.1 port ${port}: ${error.message}\n`)
  process.exitCode = 1
})
