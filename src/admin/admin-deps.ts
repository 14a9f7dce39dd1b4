import type { Clock } from '../core/clock.ts'
import type { RolloutControl } from '../rollout/rollout-control.ts'
import type { TrafficCommand } from '../rollout/traffic-state.ts'
import type { TrafficControl } from '../rollout/traffic-control.ts'
import type { ListBook } from '../lists/list-book.ts'
import type { Refusal } from '../rollout/transition-result.ts'
import type { LeaseStatus } from '../kube/lease-holder.ts'
import type { EventLog } from '../core/logger.ts'
import type { ExplainAnswer, ExplainQuery } from '../control/explain-answer.ts'
import type { TokenBook } from './token-book.ts'
import type { RouteDetails } from '../control/route-describer.ts'
import type { PlannedWeights, SeenClients } from '../control/change-planner.ts'
import type { ShadowDescriber } from '../control/shadow-describer.ts'
import type { EventBook } from '../control/event-book.ts'
import type { VersionDrainStatus } from '../control/version-drain.ts'
import type { Readiness } from '../control/start-gate.ts'
import type { StoreStatus } from '../store/state-store.ts'
import type { ClusterRoute } from '../replicas/cluster-facts.ts'
import type { AwaitedChange, ConvergenceReceipt } from '../replicas/convergence.ts'
import type { ReplicaQuery } from '../replicas/own-facts.ts'
import type { ProofGate } from '../replicas/proof-gate.ts'
import type { KnownReplica } from '../replicas/replica-book.ts'
import type { ReplicaAnswer } from '../replicas/replica-facts.ts'
import type { WebhookStatus } from '../webhooks/webhook.ts'

/** The other replicas, where the configuration says how they are found. */
export interface OtherReplicas {
  /** Who may ask this one. */
  readonly gate: Pick<ProofGate, 'admit'>
  /** What another replica is told of this one. */
  answer (query: ReplicaQuery): Promise<ReplicaAnswer>
  /** Resolves when all ready replicas apply a change, or the time is over. Never rejects. */
  converge (change: AwaitedChange): Promise<ConvergenceReceipt>
  /** What all of them have of a route; undefined when this one has no such route. */
  route (name: string): Promise<ClusterRoute | undefined>
}

/** All replicas of this Weir. */
export interface AdminReplicas {
  /** This one first; and why there may be others, undefined when all are known. */
  list (): { readonly replicas: readonly KnownReplica[], readonly unknown: string | undefined }
  /** Undefined where this is the only one. */
  readonly others: OtherReplicas | undefined
}

/** What the admin API needs of the rest of Weir. */
export interface AdminDeps {
  readonly clock: Clock
  readonly log: EventLog
  readonly tokens: TokenBook
  readonly traffic: Pick<TrafficControl, 'route' | 'routes' | 'change'>
  readonly rollouts: RolloutControl
  readonly events: EventBook
  readonly lists: Pick<ListBook, 'lists' | 'list' | 'kept' | 'add' | 'remove' | 'import'>
  /** In the order of the configuration. */
  webhooks (): readonly WebhookStatus[]
  /** Aborted when this replica stops, and who waits for a change is to have an answer. */
  readonly stopping: AbortSignal
  /** Undefined when the configuration has no such route. */
  details (route: string): RouteDetails | undefined
  /**
   * By version, the endpoints that requests go to, in the worker that uses the fewest. Undefined when the configuration has no such route.
   */
  usedEndpoints (route: string): Readonly<Record<string, number>> | undefined
  /** What a change would move, without making it. Undefined when the configuration has no such route. */
  plan (route: string, command: TrafficCommand): Promise<PlannedWeights | Refusal | undefined>
  /** The clients that a route has had in the last minutes. */
  clients (route: string): Promise<SeenClients>
  /** Undefined when the configuration has no such route, or the route no such version. */
  drain (route: string, version: string): VersionDrainStatus | undefined
  readonly shadow: Pick<ShadowDescriber, 'status' | 'examples' | 'forgetExamples'>
  readonly replicas: AdminReplicas
  readiness (): Readiness
  /** How the store of the weights is doing, and who does what is done once for all that share it. */
  state (): StoreStatus & { readonly store: string, readonly lists?: StoreStatus, readonly lease?: LeaseStatus }
  /** A text, or its pieces as they are made. */
  metrics (): Promise<{ readonly contentType: string, readonly body: string | AsyncIterable<Buffer> }>
  /**
   * What the workers would do with a request, without sending anything. Undefined when there is no such route.
   * @throws Unanswered when no worker answers
   */
  explain (query: ExplainQuery): Promise<ExplainAnswer | undefined>
  /**
   * Why a request that is over went where it went. Undefined when there is no such route.
   * @throws Unanswered when no worker remembers it, or none answers
   */
  explainRequest (route: string, requestId: string): Promise<ExplainAnswer | undefined>
}
