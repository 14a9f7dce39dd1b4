/** A whole Weir with a route of two versions, all of it on the first, and what it stores of that. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Test } from 'tap'
import { startWeir, type WeirProcess } from './weir-process.ts'

interface Stored {
  readonly weights: Readonly<Record<string, number>>
  readonly rollout: { readonly step: number, readonly stepMs: number, readonly phase: string }
}

export async function startRolloutWeir (t: Test, directory: string, endpoints: { readonly stable: string, readonly canary: string }): Promise<WeirProcess> {
  const version = (name: 'stable' | 'canary', weight: number) => ({ name, weight, endpoints: { static: [endpoints[name]] } })
  return await startWeir(t, {
    directory,
    config: () => ({
      workers: 2,
      state: { store: 'file', path: path.join(directory, 'state.json') },
      routes: [{ name: 'hello', affinity: { by: 'header', header: 'x-client' }, versions: [version('stable', 100), version('canary', 0)] }]
    })
  })
}

export async function storedIn (directory: string): Promise<Stored> {
  const state: unknown = JSON.parse(await readFile(path.join(directory, 'state.json'), 'utf8'))
  // As the codec writes it.
  return (state as { readonly value: { readonly routes: { readonly hello: Stored } } }).value.routes.hello
}
