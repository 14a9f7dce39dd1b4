/**
 * Content negotiation for Weir's own error bodies (RFC 9110 section 12.5.1): problem+json, or plain text for those who ask
 * for text.
 */
const MAX_RANGES = 32

/** Does an Accept value rate text above JSON? Without a preference JSON it is. */
export function prefersText (accept: string | undefined): boolean {
  if (accept === undefined) return false
  let text = 0
  let json = 0
  let any = 0
  for (const range of accept.split(',', MAX_RANGES)) {
    const [type = '', ...parameters] = range.split(';')
    const weight = quality(parameters)
    switch (type.trim().toLowerCase()) {
      case 'text/plain': case 'text/*': case 'text/html':
        text = Math.max(text, weight)
        break
      case 'application/problem+json': case 'application/json': case 'application/*':
        json = Math.max(json, weight)
        break
      case '*/*':
        any = Math.max(any, weight)
        break
      default:
    }
  }
  return text > Math.max(json, 0) && text >= any
}

function quality (parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const match = /^\s*q=([01](?:\.[0-9]{0,3})?)\s*$/i.exec(parameter)
    if (match !== null) return Number(match[1])
  }
  return 1
}
