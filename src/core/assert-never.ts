/** Makes the compiler prove that a switch over a union is complete; throws if data from outside proves it wrong. */
export function assertNever (value: never): never {
  throw new TypeError(`unexpected value: ${JSON.stringify(value)}`)
}
