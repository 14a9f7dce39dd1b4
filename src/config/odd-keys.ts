/**
 * Keys that people bring along from other tools. Weir knows none of them, and says what to do instead.
 */

/** What to tell a person who wrote a key that is no option; undefined for an ordinary one, which is a mistyped name. */
export function explainOddKey (key: string): string | undefined {
  if (key === '<<') {
    return 'is a merge key, which YAML 1.2 no longer has: write the options out, or share one whole value with an anchor and an alias (`health: &h {…}`, then `health: *h`)'
  }
  if (key === '$schema') return 'is no option: editors read the schema from a comment, `# yaml-language-server: $schema=./weir.schema.json`'
  if (/^x-/i.test(key)) return 'is no option, and there are no `x-` extensions: put the anchor where the value is used first'
  return undefined
}

/** Text such as `${PORT}`, `$(PORT)` or `$PORT`: somebody expects that a variable is filled in. */
const VARIABLE = /\$(\{[A-Za-z_][^}]*\}|\([A-Za-z_]\w*\)|[A-Z_][A-Z0-9_]*$)/

/** Ends a message about a value in which a variable should have been filled in; empty for any other value. */
export function variableHint (value: unknown): string {
  if (typeof value !== 'string' || !VARIABLE.test(value)) return ''
  return '. Variables are not filled in in the file: give the option by its WEIR_… variable or flag, or run the file through `envsubst` first'
}

/** `${NAME}` where any text is allowed: it would be taken as it stands. */
export function holdsVariable (text: string): boolean {
  return /\$\{[A-Za-z_]\w*\}/.test(text)
}
