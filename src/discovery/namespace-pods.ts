import { asObject, asText } from '../core/untrusted.ts'
import { KubeError } from '../kube/kube-api.ts'
import { ListWatch, type ListWatchStats } from '../kube/list-watch.ts'
import { CoalescedNotices } from './coalesced-notices.ts'
import type { SlicesContext } from './namespace-slices.ts'
import { askFor, type PodAsk, type PodLabels, type PodSelector, showPodSelector } from './pod-labels.ts'

/** What is kept of a pod. */
interface PodFacts {
  /** Tells it from an earlier pod of the same name. */
  readonly uid: string
  /** Those that somebody asks for; one object for all pods that have the same. */
  readonly labels: PodLabels
}

/** Told of what may be different about pods. */
export interface PodsListener {
  /** Any of them. */
  readonly all: () => void
  /** Those with these keys, `namespace/name`. */
  readonly changed: (podKeys: ReadonlySet<string>) => void
}

/** A list and watch, and what it was asked for. */
interface Following {
  readonly askText: string
  /** The selectors that it serves, as text. */
  serves: ReadonlySet<string>
  readonly listWatch: ListWatch<PodFacts>
  /** Undefined before the first list; kept up to date by the list and watch. */
  pods: ReadonlyMap<string, PodFacts> | undefined
}

/** Different sets of labels that are shared: whoever may label pods can't make them without bound. */
const MAX_SHARED_LABELS = 1_000
const MAX_UID_LENGTH = 128
const MAX_VALUE_LENGTH = 63

const NO_STATS: ListWatchStats = { synced: false, lastSyncWallMs: undefined, lists: 0, restarts: 0, lastError: undefined, objects: 0 }

/**
 * The pods of one namespace that versions select by their labels: one list+watch, shared by all of them, and none while nobody asks.
 *
 * The API is asked for the metadata alone, of the pods that have the labels which all selectors have in common: what a pod does all day
 * (its status) then costs little, and pods of other applications nothing. Of what comes, the UID and the labels that are asked for are
 * kept. When other labels are asked for, another list+watch is made, and the one before serves until it has its list.
 */
export class NamespacePods {
  readonly #namespace: string | undefined
  readonly #context: SlicesContext
  readonly #uses = new Map<PodsListener, readonly PodSelector[]>()
  readonly #changed = new Set<string>()
  readonly #notices: CoalescedNotices
  readonly #stopping = new Set<Promise<void>>()
  #current: Following | undefined
  #next: Following | undefined

  /** @param namespace undefined for the namespace of the credentials */
  constructor (namespace: string | undefined, context: SlicesContext) {
    this.#namespace = namespace
    this.#context = context
    this.#notices = new CoalescedNotices(context, this.#changed, () => { this.#tellChanged() })
  }

  /** `settle` has to follow. */
  subscribe (selectors: readonly PodSelector[], listener: PodsListener): void {
    this.#uses.set(listener, selectors)
  }

  /** `settle` has to follow. */
  unsubscribe (listener: PodsListener): void {
    this.#uses.delete(listener)
  }

  /** Follows what is asked for now. */
  settle (): void {
    const selectors = [...this.#uses.values()].flat()
    if (selectors.length === 0) {
      this.#leave(this.#current)
      this.#leave(this.#next)
      this.#current = this.#next = undefined
      return
    }
    const ask = askFor(selectors)
    const askText = JSON.stringify(ask)
    const serves = new Set(selectors.map(showPodSelector))
    const known = [this.#current, this.#next].find(each => each?.askText === askText)
    if (known !== undefined) known.serves = serves
    if (known === undefined || known === this.#current) {
      this.#leave(this.#next)
      this.#next = undefined
    }
    if (known !== undefined) return
    const next = this.#follow(ask, askText, serves)
    this.#next = next
    next.listWatch.start()
  }

  /** Have the pods been read that this selects? */
  knows (selector: PodSelector): boolean {
    return this.#current?.serves.has(showPodSelector(selector)) === true
  }

  /** Pods have been read, those that this selects are read now, and nothing has kept that from coming soon. */
  expects (selector: PodSelector): boolean {
    return this.#current !== undefined && !this.knows(selector) && this.#next?.listWatch.stats().lastError === undefined
  }

  /** The labels of a pod, as far as they are asked for; undefined when there is no such pod, or none of that UID. */
  labelsOf (podKey: string, uid: string): PodLabels | undefined {
    const pod = this.#current?.pods?.get(podKey)
    return pod?.uid === uid ? pod.labels : undefined
  }

  stats (): ListWatchStats {
    const current = this.#current?.listWatch.stats() ?? NO_STATS
    const next = this.#next?.listWatch.stats() ?? NO_STATS
    return { ...current, restarts: current.restarts + next.restarts, lastError: next.lastError ?? current.lastError }
  }

  /** Resolves when the connections to the API server are closed. */
  async stop (): Promise<void> {
    this.#notices.stop()
    this.#uses.clear()
    this.settle()
    await Promise.all(this.#stopping)
  }

  #leave (following: Following | undefined): void {
    if (following === undefined) return
    const stopping = following.listWatch.stop().finally(() => { this.#stopping.delete(stopping) })
    this.#stopping.add(stopping)
  }

  #follow ({ labelSelector, keys }: PodAsk, askText: string, serves: ReadonlySet<string>): Following {
    const { api, clock, random, tuning, onFailure, onRecovery } = this.#context
    const shared = new Map<string, PodLabels>()
    const following: Following = {
      askText,
      serves,
      pods: undefined,
      listWatch: new ListWatch({
        api,
        collection: { groupVersion: 'v1', plural: 'pods', namespace: this.#namespace, labelSelector, metadataOnly: true },
        read: (object, before) => {
          const pod = readPod(object, keys, shared)
          return before !== undefined && samePod(before, pod) ? before : pod
        },
        clock,
        random,
        ...(tuning === undefined ? {} : { tuning }),
        explain: withPermission,
        listener: {
          replaced: pods => { this.#replace(following, pods) },
          changed: (key, before, after) => { if (this.#current === following && !samePod(before, after)) this.#note(key) },
          failed: (error, retryInMs) => {
            onFailure(this.#namespace, error, retryInMs)
            // Who waits for it need not wait longer.
            if (this.#next === following) this.#tellAll()
          },
          recovered: recovery => { onRecovery?.(this.#namespace, recovery) }
        }
      })
    }
    return following
  }

  #replace (following: Following, pods: ReadonlyMap<string, PodFacts>): void {
    const before = following.pods
    following.pods = pods
    if (this.#next === following) {
      this.#leave(this.#current)
      this.#current = following
      this.#next = undefined
    }
    if (this.#current !== following) return
    if (before === undefined) {
      this.#changed.clear()
      this.#tellAll()
      return
    }
    for (const [key, pod] of pods) if (!samePod(before.get(key), pod)) this.#changed.add(key)
    for (const key of before.keys()) if (!pods.has(key)) this.#changed.add(key)
    this.#notices.tellSoon()
  }

  #note (key: string): void {
    this.#changed.add(key)
    this.#notices.tellSoon()
  }

  #tellChanged (): void {
    const changed = new Set(this.#changed)
    this.#changed.clear()
    for (const listener of this.#uses.keys()) listener.changed(changed)
  }

  /** A pod that moves from one version to another is in both notices: no request may meet half of it. */
  #tellAll (): void {
    this.#notices.together(() => { for (const listener of this.#uses.keys()) listener.all() })
  }
}

function samePod (left: PodFacts | undefined, right: PodFacts | undefined): boolean {
  if (left === undefined || right === undefined) return left === right
  if (left.uid !== right.uid) return false
  return left.labels === right.labels || textOf(left.labels) === textOf(right.labels)
}

function textOf (labels: PodLabels): string {
  return JSON.stringify([...labels])
}

/** Reads whatever the API server sent as a Pod. Never throws. */
function readPod (object: unknown, keys: readonly string[], shared: Map<string, PodLabels>): PodFacts {
  const metadata = asObject(asObject(object)?.['metadata'])
  const written = asObject(metadata?.['labels'])
  const labels: PodLabels = new Map(keys.flatMap((key): Array<[string, string]> => {
    const value = written !== undefined && Object.hasOwn(written, key) ? asText(written[key]) : undefined
    return value === undefined ? [] : [[key, value.slice(0, MAX_VALUE_LENGTH)]]
  }))
  const text = textOf(labels)
  const known = shared.get(text)
  if (known === undefined && shared.size < MAX_SHARED_LABELS) shared.set(text, labels)
  return { uid: (asText(metadata?.['uid']) ?? '').slice(0, MAX_UID_LENGTH), labels: known ?? labels }
}

/** A refusal with what is missing. */
function withPermission (error: KubeError): KubeError {
  if (error.status !== 403) return error
  const { status, retryAfterMs } = error
  const message = `${error.message}; \`podLabels\` needs the verbs list and watch on pods in this namespace (deploy/components/pod-labels)`
  return new KubeError(error.kind, message, { status, retryAfterMs, cause: error })
}
