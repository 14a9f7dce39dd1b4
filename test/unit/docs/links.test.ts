import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { METRICS } from '../../../src/telemetry/metric-catalogue.ts'
import { anchorsOf, codeSpans, listPages, proseOf, readPage, ROOT } from './page.ts'

const pages = listPages()

t.test('the pages were found', async t => {
  for (const page of ['README.md', 'docs/README.md', 'docs/architecture.md', 'docs/life-of-a-request.md', 'CONTRIBUTING.md']) t.ok(pages.includes(page), page)
})

t.test('every link to a file of the project resolves, with its anchor', async t => {
  let links = 0
  for (const page of pages) {
    const text = readPage(page)
    for (const [, target = ''] of proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      links++
      const [file = '', anchor] = target.split('#')
      const linked = file === '' ? page : path.posix.join(path.posix.dirname(page), file)
      t.ok(existsSync(path.join(ROOT, linked)), `${page} → ${target}`)
      if (anchor !== undefined) t.ok(anchorsOf(readPage(linked)).has(anchor), `${page} → ${target}: the heading exists`)
    }
  }
  t.ok(links > 50, `${links} links were looked at`)
})

t.test('every file and folder that a page names exists', async t => {
  const named = /^(?:\.ci|bench|bin|config|deploy|docs|scripts|src|test)\/[\w./-]*$/
  let found = 0
  for (const page of pages.filter(name => name !== 'bench/README.md')) {
    for (const span of codeSpans(readPage(page)).filter(code => named.test(code))) {
      found++
      t.ok(existsSync(path.join(ROOT, span)), `${page}: ${span}`)
      if (span.endsWith('/')) t.ok(statSync(path.join(ROOT, span)).isDirectory(), `${page}: ${span} is a folder`)
    }
  }
  t.ok(found > 50, `${found} names were looked at`)
})

t.test('every npm script that a page names exists', async t => {
  const manifest = JSON.parse(readPage('package.json')) as { readonly scripts: Readonly<Record<string, string>> }
  const scripts = new Set(Object.keys(manifest.scripts))
  for (const page of pages) {
    for (const [, name = ''] of readPage(page).matchAll(/npm run ([a-z][a-z:]*)/g)) t.ok(scripts.has(name), `${page}: npm run ${name}`)
  }
  const commands = readPage('CONTRIBUTING.md')
  for (const name of scripts) {
    t.ok(new RegExp(`\`(?:npm (?:run )?)?${name}\``).test(commands) || ['lint', 'typecheck'].includes(name), `CONTRIBUTING.md names ${name}`)
  }
})

t.test('every metric that a page names is in the catalogue', async t => {
  for (const page of pages) {
    for (const name of codeSpans(readPage(page)).filter(code => /^weir_[a-z_]+$/.test(code))) t.ok(name in METRICS, `${page}: ${name}`)
  }
})

t.test('the index has every page of docs', async t => {
  const index = readPage('docs/README.md')
  for (const page of pages.filter(name => name.startsWith('docs/') && name !== 'docs/README.md')) {
    t.ok(index.includes(`](${path.posix.relative('docs', page)})`), page)
  }
})
