/**
 * What the lab prints: a heading for each step, the commands that do the same in a cluster, what was sent and counted, and what that shows.
 */
import { styleText } from 'node:util'

export class LabPrinter {
  readonly #write: (text: string) => void
  readonly #style: (format: 'bold' | 'cyan' | 'green' | 'red', text: string) => string

  /** @param stream a terminal gets colours, unless NO_COLOR says otherwise */
  constructor (stream: NodeJS.WriteStream) {
    this.#write = text => { stream.write(text) }
    this.#style = (format, text) => styleText(format, text, { stream })
  }

  /** Any text, as it is. */
  say (text: string): void {
    this.#write(`${text}\n`)
  }

  heading (number: number, title: string): void {
    this.#write(`\n${this.#style('bold', `${number}. ${title}`)}\n`)
  }

  /** What a user types in a cluster to do this. */
  command (text: string): void {
    this.#write(`  ${this.#style('cyan', `$ ${text}`)}\n`)
  }

  /** What was seen. */
  fact (text: string): void {
    this.#write(`    ${text}\n`)
  }

  /** What was held to be true, and is. */
  ok (text: string): void {
    this.#write(`  ${this.#style('green', 'ok')} ${text}\n`)
  }

  fail (text: string): void {
    this.#write(`  ${this.#style('red', 'FAILED')} ${text}\n`)
  }
}
