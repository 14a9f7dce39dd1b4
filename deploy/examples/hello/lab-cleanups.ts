/** What has to be ended when the lab ends, the last first. It is what test/helpers know as the teardown of a test. */
export class LabCleanups {
  readonly #handlers: Array<() => unknown> = []

  readonly teardown = (handler: () => unknown): void => { this.#handlers.push(handler) }

  /** Runs each once; one that fails keeps none from its turn. @returns what failed */
  async run (): Promise<readonly unknown[]> {
    const failures: unknown[] = []
    for (let handler = this.#handlers.pop(); handler !== undefined; handler = this.#handlers.pop()) {
      try {
        await handler()
      } catch (error) {
        failures.push(error)
      }
    }
    return failures
  }
}
