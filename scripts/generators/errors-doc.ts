import { PROXY_ERROR_CODES, proxyErrorRow, type ErrorSource, type ProxyErrorRow } from '../../src/core/proxy-error.ts'
import type { Generator } from './generator.ts'
import { tableRow } from './marked-section.ts'

const SOURCES: Readonly<Record<ErrorSource, string>> = { downstream: 'client', upstream: 'endpoint', weir: 'Weir' }

const RETRIES: Readonly<Record<ProxyErrorRow['retry'], string>> = {
  never: 'never',
  unsent: 'any method',
  idempotent: 'idempotent methods',
  listed: 'if the route lists it'
}

const INTRODUCTION = `# Errors

<!-- Generated from src/core/proxy-error.ts by \`npm run generate\`. Do not edit. -->

Every failure of a proxied request has one code. It is in the body of the response, in the metrics and in the access log.

- **Caused by**: the client, the endpoint, or Weir and its configuration.
- **May be repeated**: when another attempt is allowed, at an endpoint that is chosen anew. \`any method\`: no byte of the
  request had reached an endpoint. \`idempotent methods\`: something may have been sent, so only methods that RFC 9110
  section 9.2.2 calls idempotent are repeated: on a kept-alive connection that gave nothing of a response in any case, otherwise if
  the route's \`retries.on\` has \`reset\`. \`if the route lists it\`: idempotent methods, if \`retries.on\` has the status.
  [operating.md](operating.md#attempts) has the details.
- **Blames the endpoint**: the failure counts against the endpoint's health.
- **Closes**: the connection to the client is closed after the response.
`

/** docs/errors.md: the table of errors for operators. */
export const errorsDoc: Generator = {
  path: 'docs/errors.md',
  content () {
    const rows = PROXY_ERROR_CODES.map(code => {
      const row = proxyErrorRow(code)
      return tableRow([
        `\`${code}\``,
        String(row.status),
        SOURCES[row.source],
        RETRIES[row.retry],
        row.blamesEndpoint ? 'yes' : 'no',
        row.closes ? 'yes' : 'no'
      ])
    })
    const remedies = PROXY_ERROR_CODES.map(code => {
      const row = proxyErrorRow(code)
      return `### ${code}\n\nStatus ${row.status}. ${row.title}.\n\n${row.remedy}\n`
    })
    return [
      INTRODUCTION,
      '| code | status | caused by | may be repeated | blames the endpoint | closes |',
      '|---|---|---|---|---|---|',
      ...rows,
      '\n## What to do\n',
      remedies.join('\n')
    ].join('\n')
  }
}
