/**
 * Durations as people write them: `250ms`, `5s`, `2m`, `1h`.
 */

/** The JSON Schema pattern of a duration. */
export const DURATION_PATTERN = '^[0-9]{1,9}(ms|s|m|h)$'

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/**
 * Reads a duration.
 * @returns milliseconds
 * @throws RangeError when the text is not a duration
 */
export function parseDurationMs (text: string): number {
  const match = /^([0-9]{1,9})(ms|s|m|h)$/.exec(text)
  const unitMs = UNIT_MS[match?.[2] ?? '']
  if (match === null || unitMs === undefined) {
    throw new RangeError(`"${text}" is not a duration; write a whole number and a unit, such as 250ms, 5s, 2m or 1h`)
  }
  return Number(match[1]) * unitMs
}

/** Writes a duration in the largest unit that it is a whole number of: `90s`, `2m`, `0s`. @param ms whole milliseconds */
export function formatDuration (ms: number): string {
  const [unit, unitMs] = Object.entries(UNIT_MS).findLast(([, each]) => ms % each === 0 && ms >= each) ?? ['s', 1_000]
  return `${Math.floor(ms / unitMs)}${unit}`
}
