/**
 * What keeps a valid configuration from starting: the files that it names. Ports are not tried, because the Weir that the
 * configuration is for may be running.
 */
import { errorText } from '../core/error-text.ts'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { readToken } from '../admin/token-book.ts'
import { fileFault, type ConfigFault } from '../config/config-error.ts'
import type { Config } from '../config/schema.ts'
import { systemClock } from '../core/clock.ts'
import { readWholeFile } from '../core/read-whole-file.ts'
import { readSecretKeys } from '../core/secret-file.ts'
import { checkStateFile, tryCreating } from '../store/check-state-file.ts'
import { CredentialPlugins } from '../kube/credential-plugin.ts'
import { loadKubeCredentials, MAX_KUBECONFIG_BYTES } from '../kube/kube-credentials.ts'
import { createTrafficCodec } from '../rollout/traffic-codec.ts'
import { findUnwritable } from '../telemetry/log-file.ts'
import { findAuthorityFaults } from '../certificates/authority-files.ts'
import { findKeyFaults } from '../certificates/key-files.ts'

export interface StartFindings {
  readonly faults: readonly ConfigFault[]
  readonly warnings: readonly ConfigFault[]
}

/**
 * Reads every file that a start would read, and looks whether those can be written that it would write.
 * @param source the file of the configuration, for faults
 */
export async function checkStart (config: Config, source: string): Promise<StartFindings> {
  const { checkCertificates } = await import('../certificates/certificate-store.ts')
  const about: About = (path, file, message) => fileFault({ path, file, message }, source)
  const findings = [
    await checkCertificates(config.listeners, source, systemClock),
    { faults: await findAuthorityFaults(config, source), warnings: [] },
    { faults: await findKeyFaults(config, source), warnings: [] },
    { faults: await checkTokens(config, about), warnings: [] },
    { faults: await checkSecrets(config, about), warnings: [] },
    { faults: await checkKubeconfig(config, about), warnings: [] },
    await checkState(config, about),
    { faults: await checkAccessLog(config, about), warnings: [] }
  ]
  return { faults: findings.flatMap(({ faults }) => faults), warnings: findings.flatMap(({ warnings }) => warnings) }
}

type About = (path: string, file: string, message: string) => ConfigFault

async function checkTokens ({ admin }: Config, about: About): Promise<readonly ConfigFault[]> {
  const faults: ConfigFault[] = []
  for (const [index, { file }] of admin.tokens.entries()) {
    const token = await readToken(file)
    if ('fault' in token) faults.push(about(`admin.tokens[${index}].file`, file, `holds no token that can be used: ${token.fault}`))
  }
  return faults
}

async function checkSecrets ({ replicas, webhooks }: Config, about: About): Promise<readonly ConfigFault[]> {
  const files = [
    ...(replicas?.secretFile === undefined ? [] : [{ path: 'replicas.secretFile', file: replicas.secretFile }]),
    ...webhooks.map(({ secretFile }, index) => ({ path: `webhooks[${index}].secretFile`, file: secretFile }))
  ]
  const faults: ConfigFault[] = []
  for (const { path, file } of files) {
    const secret = await readSecretKeys(file)
    if ('fault' in secret) faults.push(about(path, file, `holds no secret that can be used: ${secret.fault}`))
  }
  return faults
}

async function checkKubeconfig ({ kubernetes, routes, state }: Config, about: About): Promise<readonly ConfigFault[]> {
  const { kubeconfig, context } = kubernetes
  const isUsed = state.store === 'kubernetes' || routes.some(({ versions }) => versions.some(({ endpoints }) => 'service' in endpoints))
  if (kubeconfig === undefined || !isUsed) return []
  const content = await readWholeFile(kubeconfig, MAX_KUBECONFIG_BYTES)
  if ('fault' in content) return [about('kubernetes.kubeconfig', kubeconfig, content.fault.phrase)]
  try {
    await loadKubeCredentials({ kubeconfig, context, plugins: new CredentialPlugins(systemClock) })
    return []
  } catch (error) {
    return [about('kubernetes.kubeconfig', kubeconfig, `can't be used: ${errorText(error)}`)]
  }
}

async function checkState ({ state }: Config, about: About): Promise<StartFindings> {
  if (state.store !== 'file') return { faults: [], warnings: [] }
  const { fault, warning } = await checkStateFile(state.path, createTrafficCodec())
  return {
    faults: fault === undefined ? [] : [about('state.path', state.path, fault)],
    warnings: warning === undefined ? [] : [about('state.path', state.path, warning)]
  }
}

async function checkAccessLog ({ accessLog: { mode, path } }: Config, about: About): Promise<readonly ConfigFault[]> {
  if (mode === 'off' || path === '-') return []
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory() === true) return [about('accessLog.path', path, 'is a directory; name the file in it')]
  if (found === undefined) {
    const refused = await tryCreating(dirname(path))
    return refused === undefined ? [] : [about('accessLog.path', path, `can't be made: the directory ${dirname(path)} ${refused}`)]
  }
  const unwritable = await findUnwritable(path)
  return unwritable === undefined ? [] : [about('accessLog.path', path, unwritable)]
}
