import type { AdminApi, AdminAnswer, Ask } from './admin-api.ts'
import { CommandError } from './command-error.ts'
import { formatAnswer, type OutputFormat, Palette, type Terminal } from './terminal.ts'

/** What a command works with: where to ask, how long, and how to print. */
export class CommandSession {
  readonly terminal: Terminal
  readonly format: OutputFormat
  readonly palette: Palette
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
  readonly #api: AdminApi
  readonly #timeoutMs: number

  constructor (api: AdminApi, terminal: Terminal, { format, timeoutMs, signal }: {
    readonly format: OutputFormat
    readonly timeoutMs: number
    readonly signal: AbortSignal
  }) {
    this.#api = api
    this.#timeoutMs = timeoutMs
    this.terminal = terminal
    this.format = format
    this.palette = new Palette(terminal.colours)
    this.signal = signal
  }

  /** @param waitMs how long Weir is asked to wait before it answers */
  async ask (question: Omit<Ask, 'timeoutMs' | 'signal'>, waitMs = 0): Promise<AdminAnswer> {
    return await this.#api.ask({ ...question, timeoutMs: this.#timeoutMs + waitMs, signal: this.signal })
  }

  /**
   * Asks a question whose answer has to have these fields.
   * @throws CommandError when it has not: what answers is no Weir, or one of another version
   */
  async askFor (fields: readonly string[], question: Omit<Ask, 'timeoutMs' | 'signal'>, waitMs = 0): Promise<AdminAnswer> {
    const answer = await this.ask(question, waitMs)
    const missing = fields.filter(field => answer[field] === undefined || answer[field] === null)
    if (missing.length === 0) return answer
    throw new CommandError(`the answer has no ${missing.join(' and no ')}; it comes from another version of Weir, or from another server`)
  }

  /** Prints the answer as it is for programs, else what `show` makes of it for people. */
  async print (answer: AdminAnswer, show: (wide: boolean) => string): Promise<void> {
    this.terminal.out(await this.text(answer, show))
  }

  /** The format when a program reads what is printed; undefined when a person does. */
  get dataFormat (): 'json' | 'yaml' | undefined {
    return this.format === 'json' || this.format === 'yaml' ? this.format : undefined
  }

  async text (answer: AdminAnswer, show: (wide: boolean) => string): Promise<string> {
    return this.dataFormat === undefined ? show(this.format === 'wide') : await formatAnswer(answer, this.dataFormat)
  }
}

/** The path of a route, and of what belongs to it. */
export function routePath (route: string, below = ''): string {
  return `/v1/routes/${encodeURIComponent(route)}${below}`
}
