/**
 * Answers what would happen to a request: asks every worker what it would do, and says where they agree.
 */
import type { ExplainAnswer, ExplainQuery } from './explain-answer.ts'
import type { RouteConfig } from '../config/schema.ts'
import type { Endpoint } from '../core/endpoint.ts'
import type { RouteBook } from '../routes/route-book.ts'
import { hashString } from '../core/hash.ts'
import { keyHashText } from '../routing/sticky-key.ts'
import { TextRange } from '../routing/text-range.ts'
import { choiceSentences, keySentence } from './explain-sentences.ts'
import { shareOf } from './health-book.ts'
import { ANSWER_MS, Unanswered, type WorkerAnswers } from './worker-questions.ts'
import type { Choice, ChoiceAnswer, ChoiceQuestion } from '../contract/questions.ts'

/** What an explanation needs. */
export interface ExplainSources {
  readonly routes: Pick<RouteBook, 'route'>
  /** The epoch of a route. */
  readonly epoch: (route: string) => number
  readonly endpoints: (route: string, version: string) => readonly Endpoint[]
  /** Asks all workers; undefined when too many questions wait already. */
  readonly ask: (question: ChoiceQuestion) => Promise<WorkerAnswers<ChoiceAnswer> | undefined>
}

type WorkerChoices = ReadonlyArray<{ readonly worker: number, readonly choice: Choice }>

export class RouteExplainer {
  readonly #sources: ExplainSources

  constructor (sources: ExplainSources) {
    this.#sources = sources
  }

  /**
   * Undefined when the configuration has no such route.
   * @throws Unanswered when no worker answers
   */
  async explain (query: ExplainQuery): Promise<ExplainAnswer | undefined> {
    const route = this.#sources.routes.route(query.route)
    if (route === undefined) return undefined
    const { method, host, path } = query
    const { ip, headers } = asMember(route, query)
    const request = { method, host, path, query: query.query, headers: Object.fromEntries(headers) }
    const said = await this.#sources.ask({ route: route.name, ip, request })
    if (said === undefined) throw new Unanswered('workers_silent', 'too many questions wait for an answer already; ask again')
    const [first] = said.answers.values()
    if (first === undefined) throw new Unanswered('workers_silent', `no worker has answered within ${ANSWER_MS} ms: they are starting, or stuck`)
    const choices = [...said.answers].flatMap(([worker, { choice }]) => choice === null ? [] : [{ worker, choice }])
    return this.#answer(route, query, { matchedRoute: first.matchedRoute, choices, silent: said.silent })
  }

  #answer (
    route: RouteConfig, query: ExplainQuery,
    { matchedRoute, choices, silent }: {
      readonly matchedRoute: string | null, readonly choices: WorkerChoices, readonly silent: readonly number[]
    }
  ): ExplainAnswer {
    const key = stickyKey(route, query, choices[0]?.choice)
    const agreed = agreement(choices)
    return {
      route: route.name,
      matches: matchedRoute === route.name,
      matchedRoute,
      epoch: this.#sources.epoch(route.name),
      stickyKey: key,
      ...placementOf(choices[0]?.choice),
      actions: actionsOf(choices[0]?.choice),
      ...agreed,
      endpoint: silent.length === 0 ? agreed.endpoint : null,
      versions: versionsOf(choices),
      workers: choices.map(({ worker, choice: { epoch, version, endpoint, outcome } }) => ({ worker, epoch, version, endpoint, outcome })),
      why: [
        matchSentence(route.name, matchedRoute), ...unknownLists(route, query), keySentence(key),
        ...this.#whyChosen(route, choices), ...silent.map(silentSentence)
      ]
    }
  }

  /** Workers that decide alike, for the same reasons, are spoken of together. */
  #whyChosen (route: RouteConfig, choices: WorkerChoices): readonly string[] {
    const terminating = new Set(route.versions.map(({ name }) => name).filter(name => this.#onlyTerminating(route.name, name)))
    const groups = Map.groupBy(choices, ({ choice }) => choiceSentences(route, choice, terminating).join('\n'))
    if (groups.size === 0) return ['no worker has the route yet']
    if (groups.size === 1) return [...groups.keys()].flatMap(text => text.split('\n'))
    const told = [...groups].flatMap(([text, members]) => text.split('\n').map(line => `${workersText(members.map(({ worker }) => worker))}: ${line}`))
    return [...told, 'which worker takes a connection is up to the kernel']
  }

  #onlyTerminating (route: string, version: string): boolean {
    const endpoints = this.#sources.endpoints(route, version)
    return !endpoints.some(({ ready }) => ready) && endpoints.some(({ serving, terminating }) => serving && terminating)
  }
}

function unknownLists ({ lists }: RouteConfig, { members }: ExplainQuery): readonly string[] {
  return [...members.keys()].filter(name => !lists.some(list => list.name === name)).map(name => `the route has no list "${name}"`)
}

/** The address and fields of a client, with what lists know it by. */
function asMember ({ lists }: RouteConfig, { ip, headers, members }: ExplainQuery): Pick<ExplainQuery, 'ip' | 'headers'> {
  const fields = new Map(headers)
  let address = ip
  for (const { name, by, header = '', cookie = '' } of lists) {
    const member = members.get(name)
    if (member === undefined) continue
    if (by === 'client-ip') address = member
    else if (by === 'header') fields.set(header.toLowerCase(), member)
    else fields.set('cookie', [`${cookie}=${member}`, fields.get('cookie') ?? ''].filter(pair => pair !== '').join('; '))
  }
  return { ip: address, headers: fields }
}

function stickyKey ({ affinity }: RouteConfig, query: ExplainQuery, choice: Choice | undefined): ExplainAnswer['stickyKey'] {
  const kind = choice?.keyKind ?? affinity.by
  const hash = choice === undefined || choice.keyHash === null ? null : keyHashText(choice.keyHash)
  const wanted = wantedName(affinity)
  const missing = kind === 'client-ip' && wanted !== null ? `${affinity.by} "${wanted}"` : null
  switch (kind) {
    case 'client-ip': return { kind, name: null, value: query.ip, hash, missing }
    case 'header': return { kind, name: wanted, value: query.headers.get((wanted ?? '').toLowerCase()) ?? null, hash, missing }
    case 'cookie': {
      const name = isIssued(affinity, query, choice) ? affinity.issue?.name ?? null : wanted
      return { kind, name, value: hash, hash, missing }
    }
    default: return { kind: 'none', name: null, value: null, hash: null, missing }
  }
}

function placementOf (choice: Choice | undefined): Pick<ExplainAnswer, 'placement' | 'rules'> {
  const rules = choice?.rules ?? []
  return {
    placement: choice === undefined || choice.placement === '' ? 'split' : choice.placement,
    rules: rules.flatMap(({ kind, name, version, chosen, why }) =>
      kind === '' ? [] : [{ kind, name: name === '' ? null : name, version: version === '' ? null : version, chosen, why }])
  }
}

function actionsOf (choice: Choice | undefined): ExplainAnswer['actions'] {
  return (choice?.actions ?? []).map(({ version, ...action }) => ({ ...action, version: version === '' ? null : version }))
}

/** Is it by the cookie of Weir's own that the client was recognised? */
function isIssued ({ issue }: RouteConfig['affinity'], { headers }: ExplainQuery, choice: Choice | undefined): boolean {
  const range = new TextRange()
  const cookies = headers.get('cookie') ?? ''
  if (issue === undefined || !range.findCookie(cookies, issue.name)) return false
  const [key = ''] = cookies.slice(range.start, range.end).split('.')
  return hashString(key) === choice?.keyHash
}

/** The header or cookie that the route asks for. */
function wantedName ({ by, header, cookie }: RouteConfig['affinity']): string | null {
  switch (by) {
    case 'header': return header ?? null
    case 'cookie': return cookie ?? null
    default: return null
  }
}

/** What all workers say alike. */
function agreement (choices: WorkerChoices): Pick<ExplainAnswer, 'chosen' | 'version' | 'endpoint' | 'outcome'> {
  const same = <Value>(of: (choice: Choice) => Value): Value | undefined => {
    const values = new Set(choices.map(({ choice }) => of(choice)))
    return values.size === 1 ? [...values][0] : undefined
  }
  return {
    chosen: same(({ chosen }) => chosen) ?? null,
    version: same(({ version }) => version) ?? null,
    endpoint: same(({ endpoint }) => endpoint) ?? null,
    outcome: choices.length === 0
      ? 'unknown'
      : same(({ outcome, version }) => `${outcome} ${version}`) === undefined
        ? 'differs'
        : choices[0]?.choice.outcome ?? 'unknown'
  }
}

function versionsOf (choices: WorkerChoices): ExplainAnswer['versions'] {
  return (choices[0]?.choice.versions ?? []).map(({ version, weight, score }) => {
    const facts = choices.flatMap(({ choice }) => choice.versions.filter(other => other.version === version))
    return {
      name: version,
      weight,
      score: score ?? null,
      usedEndpoints: Math.min(...facts.map(({ used }) => used)),
      panic: shareOf(facts.filter(({ panic }) => panic).length, choices.length)
    }
  })
}

function matchSentence (asked: string, matched: string | null): string {
  if (matched === asked) return `the route "${asked}" takes the request`
  if (matched === null) return 'no route takes such a request: it gets 404; what follows would hold if this one did'
  return `the route "${matched}" takes the request, not this one; what follows would hold if this one did`
}

function silentSentence (worker: number): string {
  return `worker ${worker} has not answered within ${ANSWER_MS} ms: what it would do is not known`
}

function workersText (workers: readonly number[]): string {
  return `${workers.length === 1 ? 'worker' : 'workers'} ${workers.join(', ')}`
}
