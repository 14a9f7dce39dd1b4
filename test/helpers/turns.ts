/** What one side has written on loopback is there by the next turn of the event loop: so many without news mean that there is none. */
const QUIET_TURNS = 50

/** Resolves after some turns of the event loop: for what must not happen. */
export async function turns (count = QUIET_TURNS): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>(resolve => { setImmediate(resolve) })
}
