/**
 * The files that a kubeconfig names. The library opens them without looking: a named pipe would stop the whole control plane.
 */
import type { KubeConfig } from '@kubernetes/client-node'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { readWholeFile } from '../core/read-whole-file.ts'
import { asObject, asText } from './untrusted-json.ts'

/** More than any kubeconfig needs. */
export const MAX_KUBECONFIG_BYTES = 8 * 1024 * 1024
/** Of a certificate, a key, a token or a bundle of authorities. */
const MAX_NAMED_BYTES = 1_048_576

/** In a line of its own or within braces; the library reads such a file as soon as it meets its name. */
const TOKEN_FILE = /(?:^|[\s{,])["']?token-?[fF]ile["']?\s*:\s*(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"',}#][^,}#\n]*))/gm

/**
 * Reads a kubeconfig, if every file that the library opens with it can be read.
 * @param called what an error calls it
 * @throws Error
 */
export async function readKubeconfig (path: string, called = 'it'): Promise<string> {
  const text = (await read(path, MAX_KUBECONFIG_BYTES, called)).toString('utf8')
  for (const [, double, single, plain] of text.matchAll(TOKEN_FILE)) await read((double ?? single ?? plain ?? '').trim(), MAX_NAMED_BYTES)
  return text
}

/** Where a kubeconfig is looked for when none is configured and there is no ServiceAccount. */
export function defaultKubeconfigs (env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter(path => path !== '')
  return listed.length > 0 ? listed : [join(env['HOME'] ?? homedir(), '.kube', 'config')]
}

/**
 * Looks at the files of the cluster and user in use.
 * @throws Error that names the first one that can't be read
 */
export async function checkNamedFiles (config: KubeConfig): Promise<void> {
  const user = config.getCurrentUser()
  const provider = asObject(asObject(user?.authProvider)?.['config'])
  const paths = [config.getCurrentCluster()?.caFile, user?.certFile, user?.keyFile, asText(provider?.['tokenFile'])]
  for (const path of paths) if (path !== undefined && path !== '') await read(path, MAX_NAMED_BYTES)
}

async function read (path: string, maxBytes: number, called = path): Promise<Buffer> {
  const content = await readWholeFile(path, maxBytes)
  if ('bytes' in content) return content.bytes
  throw new Error(`${called} ${content.fault.phrase}`)
}
