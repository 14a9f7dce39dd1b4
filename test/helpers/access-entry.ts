import type { AccessEntry } from '../../src/telemetry/access-line.ts'

/** A request that went well, with what the test wants different. */
export function accessEntry (different: Partial<AccessEntry> = {}): AccessEntry {
  return {
    wallMs: Date.UTC(2026, 0, 2, 3, 4, 5, 67),
    route: 'hello',
    version: 'stable',
    endpoint: '10.0.0.1:8080',
    method: 'GET',
    host: 'hello.example.com',
    path: '/',
    protocol: 'HTTP/1.1',
    status: 200,
    error: '',
    fault: '',
    stickyKey: 'client-ip',
    keyHash: '1b4ba205',
    epoch: 3,
    requestId: '0123456789abcdef',
    clientIp: '203.0.113.9',
    bytesIn: 0,
    bytesOut: 64,
    durationMs: 1.23456,
    connectMs: -1,
    firstByteMs: 1,
    attempts: 1,
    reused: true,
    retried: '',
    fallbackFrom: '',
    failedOverFrom: '',
    placement: '',
    placedBy: '',
    ...different
  }
}
