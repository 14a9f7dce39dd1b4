import { formatFault } from '../config/config-error.ts'
import type { CertificateStore, CertificateStoreOptions } from './certificate-store.ts'

/**
 * Reads the certificates of the listeners, and watches them from then on. What that needs is loaded only if there are any.
 * @param source the file of the configuration, for faults
 * @returns undefined when no listener speaks TLS
 * @throws ConfigError when a file can't be used
 */
export async function openCertificates (options: CertificateStoreOptions, source: string): Promise<CertificateStore | undefined> {
  if (options.listeners.every(({ tls }) => tls === undefined)) return undefined
  const { CertificateStore } = await import('./certificate-store.ts')
  const store = new CertificateStore(options)
  try {
    for (const fault of await store.load(source)) options.log.warn('the configuration is odd', { fault: formatFault(fault) })
    return store
  } catch (error) {
    store.stop()
    throw error
  }
}
