/** Reads `--listen PORT --origin PORT`, which every peer here is started with. */
import { parseArgs } from 'node:util'

export function readArguments () {
  const { values } = parseArgs({ options: { listen: { type: 'string' }, origin: { type: 'string' } } })
  return { listen: Number(values.listen), origin: `http://127.0.0.1:${Number(values.origin)}` }
}
