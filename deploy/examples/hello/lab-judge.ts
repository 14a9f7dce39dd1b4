/**
 * What the lab holds its answers to. Pure: each judge returns what is wrong, for people, or undefined.
 */
import type { LabAnswer } from './lab-clients.ts'

/** How many of something there are. */
export type Counts = Readonly<Record<string, number>>

/** Failures that a message names. */
const MAX_NAMED = 3

function countBy (answers: readonly LabAnswer[], keyOf: (answer: LabAnswer) => string): Counts {
  const groups = Object.groupBy(answers, keyOf)
  return Object.fromEntries(Object.entries(groups).map(([key, group]) => [key, group?.length ?? 0]).sort())
}

/** Answers by who gave them, `hello 1.0.0`, and those that `failed`. */
export function countByVersion (answers: readonly LabAnswer[]): Counts {
  return countBy(answers, ({ who, ok }) => ok ? who : 'failed')
}

/** `300 hello 1.0.0, 100 hello 2.0.0` */
export function describeCounts (counts: Counts): string {
  return Object.entries(counts).map(([key, count]) => `${count} ${key}`).join(', ')
}

/** Every request has an answer with 200, by one of the lab's servers. */
export function judgeFailures (answers: readonly LabAnswer[]): string | undefined {
  const failed = answers.filter(({ ok }) => !ok)
  if (failed.length === 0) return undefined
  const named = failed.slice(0, MAX_NAMED).map(({ client, who }) => `${client} ${who}`)
  return `${failed.length} of ${answers.length} requests failed: ${named.join('; ')}${failed.length > MAX_NAMED ? '; …' : ''}`
}

/** Each has answered so many, give or take `tolerance`, and nobody else has. */
export function judgeCounts (answers: readonly LabAnswer[], expected: Counts, tolerance = 0): string | undefined {
  const counts = countByVersion(answers)
  const names = new Set([...Object.keys(counts), ...Object.keys(expected)])
  const off = [...names].filter(name => Math.abs((counts[name] ?? 0) - (expected[name] ?? 0)) > (name in expected ? tolerance : 0))
  return off.length === 0 ? undefined : `answered: ${describeCounts(counts)}; expected: ${describeCounts(expected)}, give or take ${tolerance}`
}

/** These pods and no others have answered, each as often as the others, give or take `tolerance`. */
export function judgePods (answers: readonly LabAnswer[], pods: readonly string[], tolerance = 0): string | undefined {
  const counts = countBy(answers, ({ pod }) => pod.slice(0, pod.lastIndexOf(':')))
  const each = answers.length / pods.length
  const strangers = Object.keys(counts).filter(pod => !pods.includes(pod))
  if (strangers.length === 0 && pods.every(pod => Math.abs((counts[pod] ?? 0) - each) <= tolerance)) return undefined
  return `answered by pods: ${describeCounts(counts)}; expected: ${each} by each of ${pods.join(', ')}, give or take ${tolerance}`
}

/** Who has answered each client, by its address; several when it met more than one version. */
export function versionsOfClients (answers: readonly LabAnswer[]): ReadonlyMap<string, ReadonlySet<string>> {
  const met = new Map<string, Set<string>>()
  for (const { client, who } of answers) met.set(client, (met.get(client) ?? new Set()).add(who))
  return met
}

/** Each client has met the version where it belongs, and no other. */
export function judgeHomes (answers: readonly LabAnswer[], homes: ReadonlyMap<string, string>): string | undefined {
  const met = versionsOfClients(answers)
  const astray = [...homes].filter(([client, home]) => met.get(client)?.size !== 1 || met.get(client)?.has(home) !== true)
  if (astray.length === 0) return undefined
  const named = astray.slice(0, MAX_NAMED).map(([client, home]) => `${client} belongs to ${home} and met ${[...met.get(client) ?? []].join(' and ')}`)
  return `${astray.length} of ${homes.size} clients were not where they belong: ${named.join('; ')}`
}

/**
 * How far the share of so many clients may be from a weight's: three standard deviations of a draw for each (docs/splitting.md). Who goes
 * where is exact; it is the number of clients that makes their share coarse.
 */
export function shareTolerance (share: number, clients: number): number {
  return 3 * Math.sqrt(share * (1 - share) / clients)
}

/** The share of the clients that belong to a version is that of its weight. */
export function judgeShare (homes: ReadonlyMap<string, string>, version: string, share: number): string | undefined {
  const part = [...homes.values()].filter(home => home === version).length / homes.size
  const tolerance = shareTolerance(share, homes.size)
  if (Math.abs(part - share) <= tolerance) return undefined
  return `${percent(part)} of the clients are on ${version}; its weight says ${percent(share)}, give or take ${points(tolerance)}`
}

/** Percentage points. */
export function points (difference: number): string {
  return `${Math.round(difference * 100)} points`
}

export function percent (share: number): string {
  return `${Math.round(share * 1_000) / 10} %`
}
