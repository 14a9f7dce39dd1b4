import { WorkerIo } from '../../src/net/worker-io.ts'
import type { IoMode } from '../../src/contract/data-plane-options.ts'

/** Which way streams take in the tests of this process: the files `*-data-events.test.ts` set it before anything else. */
const VARIABLE = 'TEST_IO'

/** All streams of this process, from now on, work on events. */
export function useEvents (): void {
  process.env[VARIABLE] = 'events'
}

export function testIo (): IoMode {
  return process.env[VARIABLE] === 'events' ? 'events' : 'direct'
}

/** As a worker has it, decided for TCP and for TLS. */
export function workerIo (): WorkerIo {
  return new WorkerIo(testIo(), { refusal: testIo() === 'events' ? 'the test says so' : '', tryTls: async () => undefined, decided: () => {} })
}
