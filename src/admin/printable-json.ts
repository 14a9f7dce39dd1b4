import { printable } from '../core/printable.ts'

/** What the API sends: JSON without a character that a terminal would act on, such as in the reasons of an older history. */
export function printableJson (value: unknown): string {
  return printable(JSON.stringify(value))
}
