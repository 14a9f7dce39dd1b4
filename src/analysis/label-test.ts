/**
 * The label test: whose clients meet failures. Each client counts once, with its first failure in the rollout. If the version changes
 * nothing for any client, then the order in which clients first fail has nothing to do with the hash that has placed them, and whether
 * the next one is on the new version is a coin that falls with the share in force, whatever the clients, bursts and outages are. The
 * product of likelihood ratios of such coins is 1 on average, so it reaches 1/alpha with probability alpha at most, however often one
 * looks (Ville's inequality).
 */
import type { Side } from '../contract/rollout-watch.ts'
import { bitsOf, bytesOf, STORED_ENDPOINTS, STORED_NAME_LENGTH, type StoredRow, type StoredSigns } from './stored-evidence.ts'

/** By how much a bad version multiplies the odds: nobody knows beforehand, so the evidence is the mean of these. */
const RATIOS = [1.5, 2, 3, 5, 10, 30, 100, 1_000] as const

const BUCKETS = 65_536

interface Row {
  signs: number
  readonly logs: number[]
}

interface Sign {
  /** 0 to 65,535. */
  readonly bucket: number
  readonly side: Side
  readonly endpoint: string
}

export class LabelTest {
  /** The buckets that have spoken. A client whose bucket another one has used up is not heard, on either version. */
  readonly #spoken: Uint8Array
  readonly #from: Row
  /** Of the new version, apart for the endpoints with the most signs, so that each can be left out. */
  readonly #endpoints: Map<string, Row>
  readonly #others: Row

  /** @param bytes of the bitmap: 8,192 for a bit for every bucket */
  constructor (bytes: number, stored?: StoredSigns) {
    this.#spoken = bytesOf(stored?.spoken ?? '', bytes)
    this.#from = rowOf(stored?.from)
    this.#others = rowOf(stored?.others)
    this.#endpoints = new Map(stored?.endpoints.map(row => [row.name, rowOf(row)]))
  }

  /**
   * Adds the first sign of a client, unless its bucket has spoken.
   * @param share of the new version when the request began; where only one version has traffic, the sign says nothing
   */
  add (sign: Sign, share: number): void {
    if (!this.spend(sign.bucket) || !(share > 0 && share < 1)) return
    addTo(sign.side === 'from' ? this.#from : this.#rowFor(sign.endpoint), share, sign.side === 'to')
  }

  /** Marks a bucket as one that has spoken, and that is all. @returns whether it had not */
  spend (bucket: number): boolean {
    const bit = Math.floor((bucket & BUCKETS - 1) * this.#spoken.length * 8 / BUCKETS)
    const byte = this.#spoken[bit >>> 3] ?? 0
    const mask = 1 << (bit & 7)
    if ((byte & mask) !== 0) return false
    this.#spoken[bit >>> 3] = byte | mask
    return true
  }

  /** Begins anew: every client may speak once more. */
  forgive (): void {
    this.#spoken.fill(0)
    this.#endpoints.clear()
    for (const row of [this.#from, this.#others]) {
      row.signs = 0
      row.logs.fill(0)
    }
  }

  get signs (): number {
    return this.#from.signs + this.signsOnNew
  }

  get signsOnNew (): number {
    let sum = this.#others.signs
    for (const row of this.#endpoints.values()) sum += row.signs
    return sum
  }

  /** The endpoint of the new version with the most signs. */
  get worstEndpoint (): { readonly name: string, readonly signs: number } | undefined {
    let worst: { readonly name: string, readonly signs: number } | undefined
    for (const [name, { signs }] of this.#endpoints) if (worst === undefined || signs > worst.signs) worst = { name, signs }
    return worst
  }

  /**
   * ln of the evidence.
   * @param without an endpoint of the new version whose signs are left out. To leave some out makes the evidence smaller, never larger.
   */
  lnEvidence (without?: string): number {
    const sums = RATIOS.map((_, index) => {
      let sum = (this.#from.logs[index] ?? 0) + (this.#others.logs[index] ?? 0)
      for (const [name, row] of this.#endpoints) if (name !== without) sum += row.logs[index] ?? 0
      return sum
    })
    return lnMean(sums)
  }

  stored (): StoredSigns {
    return {
      spoken: bitsOf(this.#spoken),
      from: plainRow(this.#from),
      others: plainRow(this.#others),
      endpoints: [...this.#endpoints].map(([name, row]) => ({ name, ...plainRow(row) }))
    }
  }

  /** The row of an endpoint. When there are too many, the one with the fewest signs makes room: the one that matters has most of them. */
  #rowFor (endpoint: string): Row {
    const known = this.#endpoints.get(endpoint)
    if (known !== undefined) return known
    if (endpoint === '' || endpoint.length > STORED_NAME_LENGTH) return this.#others
    if (this.#endpoints.size >= STORED_ENDPOINTS) {
      const least = [...this.#endpoints].reduce((a, b) => b[1].signs < a[1].signs ? b : a)
      this.#endpoints.delete(least[0])
      this.#others.signs += least[1].signs
      least[1].logs.forEach((log, index) => { this.#others.logs[index] = (this.#others.logs[index] ?? 0) + log })
    }
    const row = rowOf(undefined)
    this.#endpoints.set(endpoint, row)
    return row
  }
}

/** ln of the mean of what these are the logarithms of. */
export function lnMean (logs: readonly number[]): number {
  const most = Math.max(...logs)
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0) / logs.length)
}

function addTo (row: Row, share: number, isNew: boolean): void {
  row.signs++
  RATIOS.forEach((ratio, index) => {
    const log = (isNew ? Math.log(ratio) : 0) - Math.log(ratio * share + 1 - share)
    row.logs[index] = (row.logs[index] ?? 0) + log
  })
}

function rowOf (stored: StoredRow | undefined): Row {
  return { signs: stored?.signs ?? 0, logs: [...stored?.logs ?? RATIOS.map(() => 0)] }
}

function plainRow (row: Row): StoredRow {
  return { signs: row.signs, logs: [...row.logs] }
}
