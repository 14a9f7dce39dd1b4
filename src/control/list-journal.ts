/** Says which lists have changed, by whom and why: in the log, and to those who follow the events. */
import type { EventLog } from '../core/logger.ts'
import type { ListChange } from '../lists/list-book.ts'
import type { EventBook } from './event-book.ts'

/** Takes down each change that was made here; what other replicas change, they take down themselves. */
export function journalLists (log: EventLog, events: Pick<EventBook, 'record'>): (change: ListChange) => void {
  return change => {
    const { route, ...fields } = change
    log.info('a list has changed', { route, ...fields })
    events.record('list', route, fields)
  }
}
