/**
 * What the workers of this replica have seen of one rollout, kept so that the replica that leads it can fetch all of it, and nothing twice.
 * It is a book of numbered pages. Who asks names the last page that it has, so an answer that was lost is given again; a leader that comes
 * later goes on behind the pages that its predecessor has stored.
 */
import { sumCopyCounts } from '../analysis/copy-counts.ts'
import { EndpointCounts } from '../analysis/endpoint-counts.ts'
import { addCounts, type Counts, emptyCounts, sumOfCounts } from '../analysis/side-counts.ts'
import type { CopyCounts, EvidenceReport, FirstSign, HeavyClient, SideCounts } from '../contract/rollout-watch.ts'

/** What one replica tells another of a rollout. */
export interface ToldEvidence {
  /** The book that it is from: another one for each process, and for each time that one begins to watch. */
  readonly source: string
  /** The last page that is in it. */
  readonly upTo: number
  /** There are more pages behind it. */
  readonly hasMore: boolean
  /** What is on the pages; the heavy clients are apart. */
  readonly report: EvidenceReport
  /** By worker. */
  readonly heavy: ReadonlyArray<readonly [worker: string, clients: readonly HeavyClient[]]>
  /** Requests that the new version has now and has not answered. */
  readonly inFlightTo: number
}

/** What is asked for. */
export interface EvidenceQuestion {
  /** The book whose pages are known; without it, or with another one, only the name of the book is told. */
  readonly source: string | undefined
  /** The last page that is known. */
  readonly after: number
  /** The endpoint of the new version to which the failures of all replicas belong: it is to be ejected by each. */
  readonly blamed?: string | undefined
}

interface Page {
  readonly first: number
  readonly last: number
  /** By epoch. */
  readonly cohorts: Map<number, ReturnType<typeof emptyCohort>>
  copies: CopyCounts | undefined
  readonly copiesByEndpoint: EndpointCounts<CopyCounts>
  matched: SideCounts | undefined
  readonly matchedByEndpoint: EndpointCounts<SideCounts>
  signs: FirstSign[]
  dropped: number
}

/** A page is full with so many signs, and an answer with those of the page in which it comes to them. */
const PAGE_SIGNS = 512
/** Of all pages. Beyond it the oldest are given up: they were fetched long ago, and a label test bears that some say nothing. */
export const MAX_LEDGER_SIGNS = 4_096
/** The leader fetches a page a second, and stores what it has every 10 s: these are four minutes. Older pages become one. */
const MAX_PAGES = 256
/** As many as the state of a rollout remembers. */
export const MAX_TOLD_EPOCHS = 64
/** Lives of workers whose heavy clients are kept. */
export const MAX_TOLD_WORKERS = 64

export class EvidenceLedger {
  readonly source: string
  /** Closed pages, by number. */
  #pages: Page[] = []
  #open = pageFrom(1, 1)
  #signs = 0
  /** With the number of the page that was open then. */
  readonly #heavy = new Map<string, { readonly clients: readonly HeavyClient[], readonly at: number }>()
  #seen: Uint8Array | undefined
  #seenAt = 0

  /** @param source see `ToldEvidence` */
  constructor (source: string) {
    this.source = source
  }

  /** Takes what a worker reports. */
  add (report: EvidenceReport, worker: string): void {
    addTo(this.#open, report)
    this.#signs += report.signs.length
    if (report.heavy.length > 0) this.#keepHeavy(worker, report.heavy)
    if (report.seen !== undefined) this.#keepSeen(report.seen)
    if (this.#open.signs.length >= PAGE_SIGNS) this.close()
    this.#forgetSigns()
  }

  /** Ends the page that is written, if there is something on it. @returns the number of the last page that is closed */
  close (): number {
    const { first, cohorts, copies, matched, signs, dropped } = this.#open
    const isWritten = cohorts.size + signs.length + dropped > 0 || copies !== undefined || matched !== undefined
    if (!isWritten && this.#seenAt !== first && ![...this.#heavy.values()].some(({ at }) => at === first)) return first - 1
    this.#pages.push(this.#open)
    this.#open = pageFrom(first + 1, first + 1)
    if (this.#pages.length > MAX_PAGES) {
      const [oldest, next, ...rest] = this.#pages
      if (oldest !== undefined && next !== undefined) this.#pages = [joined(oldest, next), ...rest]
    }
    return first
  }

  /** What is on the pages behind one; of a page that has become one with pages before that, nothing. */
  since (after: number, inFlightTo: number): ToldEvidence {
    const last = this.close()
    const sum = pageFrom(0, 0)
    let upTo = Math.min(after, last)
    for (const page of this.#pages) {
      if (page.last <= upTo) continue
      if (page.first > upTo) addTo(sum, { ...reportOf(page), heavy: [] })
      upTo = page.last
      if (sum.signs.length >= PAGE_SIGNS) break
    }
    const isNew = (at: number): boolean => at > after && at <= upTo
    return {
      source: this.source,
      upTo,
      hasMore: upTo < last,
      report: { ...reportOf(sum), ...(this.#seen !== undefined && isNew(this.#seenAt) ? { seen: this.#seen } : {}) },
      heavy: [...this.#heavy].filter(([, { at }]) => isNew(at)).map(([worker, { clients }]) => [worker, clients]),
      inFlightTo
    }
  }

  /** The answer to another replica. */
  answer ({ source, after }: EvidenceQuestion, inFlightTo: number): ToldEvidence {
    if (source === this.source) return this.since(after, inFlightTo)
    return { source: this.source, upTo: 0, hasMore: true, report: reportOf(pageFrom(0, 0)), heavy: [], inFlightTo }
  }

  #keepHeavy (worker: string, clients: readonly HeavyClient[]): void {
    this.#heavy.delete(worker)
    const [first] = this.#heavy.keys()
    if (this.#heavy.size >= MAX_TOLD_WORKERS && first !== undefined) this.#heavy.delete(first)
    this.#heavy.set(worker, { clients, at: this.#open.first })
  }

  #keepSeen (seen: Uint8Array): void {
    const before = this.#seen
    this.#seen = before === undefined ? seen : seen.map((byte, index) => byte | (before[index] ?? 0))
    this.#seenAt = this.#open.first
  }

  #forgetSigns (): void {
    for (const page of this.#pages) {
      if (this.#signs <= MAX_LEDGER_SIGNS) return
      this.#signs -= page.signs.length
      page.dropped += page.signs.length
      page.signs = []
    }
  }
}

function emptyCohort (): { readonly from: Counts, readonly to: Counts, readonly toByEndpoint: EndpointCounts<SideCounts> } {
  return { from: emptyCounts(), to: emptyCounts(), toByEndpoint: new EndpointCounts(sumOfCounts) }
}

function pageFrom (first: number, last: number): Page {
  return {
    first,
    last,
    cohorts: new Map(),
    copies: undefined,
    copiesByEndpoint: new EndpointCounts(sumCopyCounts),
    matched: undefined,
    matchedByEndpoint: new EndpointCounts(sumOfCounts),
    signs: [],
    dropped: 0
  }
}

function reportOf ({ cohorts, copies, copiesByEndpoint, matched, matchedByEndpoint, signs, dropped }: Page): EvidenceReport {
  return {
    cohorts: [...cohorts].map(([epoch, { from, to, toByEndpoint }]) => (
      { epoch, from, to, ...(toByEndpoint.size === 0 ? {} : { toByEndpoint: toByEndpoint.all }) }
    )),
    ...(copies === undefined ? {} : { copies }),
    ...(copiesByEndpoint.size === 0 ? {} : { copiesByEndpoint: copiesByEndpoint.all }),
    ...(matched === undefined ? {} : { matched }),
    ...(matchedByEndpoint.size === 0 ? {} : { matchedByEndpoint: matchedByEndpoint.all }),
    signs,
    heavy: [],
    dropped
  }
}

function joined (left: Page, right: Page): Page {
  const page = pageFrom(left.first, right.last)
  addTo(page, reportOf(left))
  addTo(page, reportOf(right))
  return page
}

function addTo (page: Page, report: EvidenceReport): void {
  const { cohorts, copies, copiesByEndpoint, matched, matchedByEndpoint, signs, dropped } = report
  if (copies !== undefined) page.copies = page.copies === undefined ? copies : sumCopyCounts(page.copies, copies)
  if (matched !== undefined) page.matched = page.matched === undefined ? matched : sumOfCounts(page.matched, matched)
  if (copiesByEndpoint !== undefined) page.copiesByEndpoint.add(copiesByEndpoint)
  if (matchedByEndpoint !== undefined) page.matchedByEndpoint.add(matchedByEndpoint)
  for (const { epoch, from, to, toByEndpoint } of cohorts) {
    const sum = page.cohorts.get(epoch) ?? emptyCohort()
    page.cohorts.set(epoch, sum)
    addCounts(sum.from, from)
    addCounts(sum.to, to)
    if (toByEndpoint !== undefined) sum.toByEndpoint.add(toByEndpoint)
  }
  // The oldest ones of a long ramp are not known to anybody any more.
  while (page.cohorts.size > MAX_TOLD_EPOCHS) page.cohorts.delete(Math.min(...page.cohorts.keys()))
  page.signs = [...page.signs, ...signs]
  page.dropped += dropped
}
