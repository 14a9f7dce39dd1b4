/**
 * Tests that run in one process, one file after the other. To start a process, the test runner and the modules under test costs most files
 * more than their tests do. A file is still a program, and `npm test -- FILE` runs it alone.
 */
import { globSync } from 'node:fs'
import path from 'node:path'

const ROOT = path.resolve(import.meta.dirname, '../..')

/** What changes something of its process, and so has one of its own. */
const ALONE = /-data-events\.test\.ts$/

/**
 * The folders of each batch, or patterns of its files, by the name of its file of test/batches. The runner begins with what comes first in
 * the alphabet, and has as many at a time as .taprc says: batches of about the same time, none of which is left alone at the end. The
 * files of test/chaos come last, and are short.
 */
export const BATCHES = {
  'a-whole-weir': ['test/integration/weir/[a-q]*.test.ts'],
  architecture: ['test/architecture'],
  'b-whole-weir': ['test/integration/weir/[!a-q]*.test.ts'],
  cluster: ['test/cluster/!(weir-*).test.ts'],
  'cluster-weir': ['test/cluster/weir-*.test.ts'],
  conformance: ['test/conformance'],
  edges: ['admin', 'config', 'listener', 'split', 'store'].map(folder => `test/integration/${folder}`),
  machinery: [
    'admin', 'certificates', 'cli', 'control', 'core', 'deploy', 'downstream', 'exchange', 'net', 'runtime', 'shadow', 'telemetry', 'upstream',
    'webhooks', 'worker'
  ].map(folder => `test/unit/${folder}`),
  properties: ['test/property'],
  proxy: ['test/integration/proxy'],
  rules: [
    'actions', 'analysis', 'balancing', 'config', 'discovery', 'docs', 'health', 'http', 'http1', 'kube', 'lists', 'placement', 'plans', 'replicas',
    'rollout', 'routes', 'routing', 'store'
  ].map(folder => `test/unit/${folder}`),
  secured: ['test/integration/tls', 'test/integration/tls-upstream']
} as const satisfies Readonly<Record<string, readonly string[]>>

/** The tests of a batch, by path, in a fixed order. */
export function filesOf (batch: keyof typeof BATCHES): readonly string[] {
  const patterns = BATCHES[batch].map(place => place.endsWith('.test.ts') ? place : `${place}/**/*.test.ts`)
  return patterns.flatMap(pattern => globSync(pattern, { cwd: ROOT }).filter(file => !ALONE.test(file)).toSorted())
}

/** Runs the tests of a batch. */
export async function runBatch (batch: keyof typeof BATCHES): Promise<void> {
  for (const file of filesOf(batch)) await import(path.join(ROOT, file))
}
