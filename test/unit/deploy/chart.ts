/**
 * deploy/chart as Helm renders it: its values under those of files, in the order in which they are given, and the objects that come of them.
 */
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import { GoTemplates } from './go-template.ts'
import { DEPLOY, parseManifests, readYaml } from './manifests.ts'

export const CHART = path.join(DEPLOY, 'chart')

type Values = Record<string, unknown>
const isMapping = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Lays values over others: mappings are merged, lists replaced, and null takes a value away. */
function overlay (under: unknown, over: unknown): unknown {
  if (!isMapping(under) || !isMapping(over)) return over
  const merged = new Map(Object.entries(under))
  for (const [key, value] of Object.entries(over)) {
    if (value === null) merged.delete(key)
    else merged.set(key, overlay(merged.get(key), value))
  }
  return Object.fromEntries(merged)
}

/** The values of the chart with those of more files (`values-NAME.yaml`) and others laid over them. */
export function valuesOf (names: readonly string[], more: Values = {}): unknown {
  return [...names.map(name => readYaml(`chart/values-${name}.yaml`)), more].reduce(overlay, readYaml('chart/values.yaml'))
}

/** What `helm template RELEASE deploy/chart --namespace NAMESPACE` prints for these values, as texts by file. */
export function renderChart (values: unknown, namespace: string): ReadonlyMap<string, string> {
  const files = globSync('templates/**', { cwd: CHART }).filter(file => /\.(yaml|tpl|txt)$/.test(file)).toSorted()
  const chart: unknown = parse(readFileSync(path.join(CHART, 'Chart.yaml'), 'utf8'))
  const dot = { Values: values, Release: { Name: 'weir', Namespace: namespace }, Chart: Object.fromEntries(Object.entries(Object(chart)).map(([key, value]) => [`${key[0]?.toUpperCase() ?? ''}${key.slice(1)}`, value])) }
  const templates = new GoTemplates(file => readFileSync(path.join(CHART, file), 'utf8'))
  // Definitions first: files begin with `_` where they hold nothing else.
  return new Map(files.map(file => [file.replaceAll(path.sep, '/'), templates.render(readFileSync(path.join(CHART, file), 'utf8'), dot, file)]))
}

/** The objects among them. */
export function chartObjects (values: unknown, namespace: string): readonly unknown[] {
  return [...renderChart(values, namespace)].filter(([file]) => file.endsWith('.yaml')).flatMap(([file, text]) => parseManifests(text, file))
}
