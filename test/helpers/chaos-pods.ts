import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Test } from 'tap'
import { freePorts } from './free-port.ts'
import { startPod, type Pod } from './pod.ts'
import { temporaryDirectory } from './weir-process.ts'

/** Pods of 127.0.0.1 with these names, and the journal that they share. */
export async function startPods (t: Test, names: readonly string[], workMs = 0): Promise<{ readonly pods: readonly Pod[], readonly journal: string }> {
  const journal = path.join(await temporaryDirectory(t), 'journal')
  await writeFile(journal, '')
  const ports = await freePorts(names.length)
  const pods = await Promise.all(names.map(async (name, index) => await startPod(t, { name, address: '127.0.0.1', port: ports[index] ?? 0, journal, workMs })))
  return { pods, journal }
}

/** A version of a configuration with these pods. */
export function versionOf (name: string, weight: number, pods: readonly Pod[]) {
  return { name, weight, endpoints: { static: pods.map(({ endpoint }) => endpoint) } }
}
