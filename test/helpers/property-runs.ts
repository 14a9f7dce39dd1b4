/**
 * How many inputs a property of the suite is tried with: so many that it finds what breaks it, and no more, because every run of the suite
 * pays for it. FUZZ_TIMES=10 tries ten times as many.
 */
export function propertyRuns (count: number): number {
  const times = Number(process.env['FUZZ_TIMES'] ?? 1)
  if (!(times > 0)) throw new Error('FUZZ_TIMES is a number above 0')
  return Math.ceil(count * times)
}
