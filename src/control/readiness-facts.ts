import type { EndpointRegistry } from '../discovery/endpoint-registry.ts'

/** More versions than this are counted only: a namespace that can't be read may have thousands of them. */
const MAX_NAMED = 100

export interface ReadinessFacts {
  readonly stopping: boolean
  /** The listeners are open. */
  readonly accepting: boolean
  /** The start has had, or has given up, its wait for endpoints. */
  readonly gateOpen: boolean
  readonly discovery: Pick<EndpointRegistry, 'all' | 'waiting'>
}

/** What /readyz says. What is wrong with versions is told in any case; it makes Weir unready at the start only. */
export function readinessOf ({ stopping, accepting, gateOpen, discovery }: ReadinessFacts): Readiness {
  const own: string[] = []
  if (stopping) own.push('Weir is shutting down')
  if (!accepting && !stopping) own.push('the listeners are not open')
  return {
    ready: own.length === 0 && gateOpen,
    own,
    waiting: discovery.waiting(),
    ofVersions: () => describeTroubles(discovery)
  }
}

function describeTroubles (discovery: ReadinessFacts['discovery']): readonly string[] {
  const troubled = discovery.all().filter(({ problem }) => problem !== undefined)
  const named = troubled.slice(0, MAX_NAMED).map(({ route, version, problem }) => `version "${version}" of route "${route}": ${problem?.detail ?? ''}`)
  return troubled.length > MAX_NAMED ? [...named, `${troubled.length - MAX_NAMED} more versions have no endpoints to use`] : named
}

/** Whether clients may be sent here. A reason is one sentence. */
export interface Readiness {
  readonly ready: boolean
  /** What is wrong with Weir itself. */
  readonly own: readonly string[]
  /** Versions that have had no list of their endpoints yet. */
  readonly waiting: number
  /** What is wrong with single versions; most of it does not make Weir unready. Costs a look at every version. */
  readonly ofVersions: () => readonly string[]
}
