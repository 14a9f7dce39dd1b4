import { readdir } from 'node:fs/promises'
import { Counter, Gauge, type Registry } from 'prom-client'
import { openFilesLimit } from '../net/open-files.ts'
import { METRICS, type MetricName } from './metric-catalogue.ts'

/**
 * Registers the metrics of the process, each read at the time of a scrape.
 *
 * prom-client's own collectDefaultMetrics comes whole or not at all, with an event loop histogram that wakes an idle
 * process a hundred times a second and an observer of every garbage collection; hence this smaller set under its names.
 */
export function registerProcessMetrics (registry: Registry): void {
  counter(registry, 'process_cpu_user_seconds_total', () => process.cpuUsage().user / 1e6)
  counter(registry, 'process_cpu_system_seconds_total', () => process.cpuUsage().system / 1e6)
  counter(registry, 'process_cpu_seconds_total', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  gauge(registry, 'process_start_time_seconds', () => performance.timeOrigin / 1000)
  gauge(registry, 'process_resident_memory_bytes', () => process.memoryUsage.rss())
  gauge(registry, 'nodejs_heap_size_total_bytes', () => process.memoryUsage().heapTotal)
  gauge(registry, 'nodejs_heap_size_used_bytes', () => process.memoryUsage().heapUsed)
  gauge(registry, 'nodejs_external_memory_bytes', () => process.memoryUsage().external)
  gauge(registry, 'process_open_fds', openFileDescriptors)
  gauge(registry, 'process_max_fds', maxFileDescriptors)
}

function counter (registry: Registry, name: MetricName, read: () => number): void {
  const metric: Counter = new Counter({
    name,
    help: METRICS[name].help,
    registers: [registry],
    collect: () => {
      metric.reset()
      metric.inc(read())
    }
  })
}

function gauge (registry: Registry, name: MetricName, read: () => number | undefined | Promise<number | undefined>): void {
  const metric: Gauge = new Gauge({
    name,
    help: METRICS[name].help,
    registers: [registry],
    collect: async () => {
      const value = await read()
      if (value === undefined) metric.remove()
      else metric.set(value)
    }
  })
}

async function openFileDescriptors (): Promise<number | undefined> {
  try {
    // The listing's own descriptor is one of them.
    return (await readdir('/proc/self/fd')).length - 1
  } catch {
    return undefined
  }
}

function maxFileDescriptors (): number | undefined {
  const limit = openFilesLimit()
  return limit === Infinity ? undefined : limit
}
