import type { Clock } from '../core/clock.ts'
import type { EventLog } from '../core/logger.ts'
import type { readWholeFile } from '../core/read-whole-file.ts'
import { SecretFile } from '../core/secret-file.ts'

/**
 * The secret that the replicas of one Weir share: the first key signs, all are accepted. Without a file that can be used nobody is
 * believed, and the log says so once.
 */
export class ReplicaSecret extends SecretFile {
  constructor (path: string, clock: Clock, log: EventLog, readFile?: typeof readWholeFile) {
    super(path, {
      clock,
      ...(readFile === undefined ? {} : { readFile }),
      onFault: fault => {
        if (fault === '') log.info('the secret of the replicas can be used again', { file: path })
        else log.error('the secret of the replicas can\'t be used: no other replica is believed until its file is right', { file: path, fault })
      }
    })
  }
}
