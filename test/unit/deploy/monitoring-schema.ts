/**
 * The kinds of the Prometheus operator that deploy/ has, by the reference of its API (monitoring.coreos.com/v1). As with the operator's own
 * CustomResourceDefinitions, a field that is not here is refused. Fields that nobody needs for Weir are left out.
 */
import { Ajv } from 'ajv'

const text = { type: 'string', minLength: 1 }
const duration = { type: 'string', pattern: '^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$' }
const labels = { type: 'object', additionalProperties: { type: 'string' } }
const metadata = {
  type: 'object',
  required: ['name'],
  additionalProperties: false,
  properties: { name: text, namespace: text, labels, annotations: labels }
}
const selector = {
  type: 'object',
  additionalProperties: false,
  properties: {
    matchLabels: labels,
    matchExpressions: {
      type: 'array',
      items: { type: 'object', required: ['key', 'operator'], additionalProperties: false, properties: { key: text, operator: text, values: { type: 'array', items: text } } }
    }
  }
}
const relabeling = {
  type: 'object',
  additionalProperties: false,
  properties: { sourceLabels: { type: 'array', items: text }, separator: text, targetLabel: text, regex: text, replacement: { type: 'string' }, action: text }
}
const secretKey = { type: 'object', required: ['key'], additionalProperties: false, properties: { name: text, key: text, optional: { type: 'boolean' } } }

const endpoint = {
  type: 'object',
  additionalProperties: false,
  properties: {
    port: text,
    path: text,
    scheme: { enum: ['http', 'https', 'HTTP', 'HTTPS'] },
    interval: duration,
    scrapeTimeout: duration,
    honorLabels: { type: 'boolean' },
    filterRunning: { type: 'boolean' },
    authorization: { type: 'object', additionalProperties: false, properties: { type: text, credentials: secretKey } },
    relabelings: { type: 'array', items: relabeling },
    metricRelabelings: { type: 'array', items: relabeling }
  }
}

const rule = {
  type: 'object',
  required: ['expr'],
  additionalProperties: false,
  properties: { alert: text, record: text, expr: { type: ['string', 'integer'] }, for: duration, keep_firing_for: duration, labels, annotations: labels }
}

const SPECS = {
  PodMonitor: {
    type: 'object',
    required: ['podMetricsEndpoints', 'selector'],
    additionalProperties: false,
    properties: {
      jobLabel: text,
      podTargetLabels: { type: 'array', items: text },
      podMetricsEndpoints: { type: 'array', items: endpoint },
      selector,
      namespaceSelector: { type: 'object', additionalProperties: false, properties: { any: { type: 'boolean' }, matchNames: { type: 'array', items: text } } },
      sampleLimit: { type: 'integer' }
    }
  },
  PrometheusRule: {
    type: 'object',
    additionalProperties: false,
    properties: {
      groups: {
        type: 'array',
        items: {
          type: 'object',
          required: ['name'],
          additionalProperties: false,
          properties: { name: text, interval: duration, labels, limit: { type: 'integer' }, rules: { type: 'array', items: rule } }
        }
      }
    }
  }
} as const

const isKind = (kind: unknown): kind is keyof typeof SPECS => typeof kind === 'string' && Object.hasOwn(SPECS, kind)

/** The faults of one object of the Prometheus operator. */
export function monitoringFaults (object: unknown): readonly string[] {
  const kind: unknown = typeof object === 'object' && object !== null && 'kind' in object ? object.kind : undefined
  if (!isKind(kind)) return [`${String(kind)} is not known`]
  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true })
  const check = ajv.compile({
    type: 'object',
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    additionalProperties: false,
    properties: { apiVersion: { const: 'monitoring.coreos.com/v1' }, kind: { const: kind }, metadata, spec: SPECS[kind] }
  })
  check(object)
  return (check.errors ?? []).map(({ instancePath, message = '', params }) => `${kind}${instancePath} ${message} ${JSON.stringify(params)}`)
}
