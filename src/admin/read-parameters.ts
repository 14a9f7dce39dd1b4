/**
 * Parameters come as text. A number is a number as people write one: `5`, and not `1e2`, `0x10`, ` 5`, `+5`, `05` or `5.0`, which
 * another reader, such as a proxy that limits it, may take for something else.
 */
const WHOLE_NUMBER = /^(?:0|-?[1-9][0-9]{0,14})$/

/**
 * Turns text into what the schema asks for, in place: whole numbers, and a list where there is one value. Anything else stays
 * as it is, for validation to refuse.
 */
export function readParameters (schema: object, data: unknown): void {
  const { properties }: { properties?: unknown } = schema
  if (!isObject(properties) || !isObject(data)) return
  for (const [name, value] of Object.entries(data)) {
    const property = properties[name]
    if (typeof value !== 'string' || !isObject(property)) continue
    if (property['type'] === 'integer' && WHOLE_NUMBER.test(value)) data[name] = Number(value)
    else if (property['type'] === 'array') data[name] = [value]
  }
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
