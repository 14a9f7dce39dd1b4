import { resolve } from 'node:path'
import type { Config, ListenerConfig, VersionConfig } from './schema.ts'

/**
 * The configuration with every path of a file in full, so that logs, faults and the API say which file is meant wherever
 * they name one.
 * @param directory where relative paths begin: the one in which Weir was started, as on a command line
 */
export function withFullPaths (config: Config, directory: string): Config {
  const full = (file: string): string => resolve(directory, file)
  const { kubernetes: { kubeconfig, ...kubernetes }, accessLog } = config
  return {
    ...config,
    listeners: config.listeners.map(listener => listener.tls === undefined
      ? listener
      : { ...listener, tls: tlsInFull(listener.tls, full) }),
    routes: config.routes.map(route => ({ ...route, versions: route.versions.map(version => versionInFull(version, full)) })),
    admin: { ...config.admin, tokens: config.admin.tokens.map(token => ({ ...token, file: full(token.file) })) },
    state: { ...config.state, path: full(config.state.path) },
    kubernetes: kubeconfig === undefined ? kubernetes : { ...kubernetes, kubeconfig: full(kubeconfig) },
    // `-` is no file.
    accessLog: accessLog.path === '-' ? accessLog : { ...accessLog, path: full(accessLog.path) }
  }
}

type Full = (file: string) => string

function tlsInFull (tls: NonNullable<ListenerConfig['tls']>, full: Full): NonNullable<ListenerConfig['tls']> {
  const { clientCertificates } = tls
  return {
    ...tls,
    certificates: tls.certificates.map(({ cert, key }) => ({ cert: full(cert), key: full(key) })),
    ...(clientCertificates === undefined ? {} : { clientCertificates: { ...clientCertificates, ca: full(clientCertificates.ca) } })
  }
}

function versionInFull (version: VersionConfig, full: Full): VersionConfig {
  const { tls } = version
  return tls?.ca === undefined ? version : { ...version, tls: { ...tls, ca: full(tls.ca) } }
}
