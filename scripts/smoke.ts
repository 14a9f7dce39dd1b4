/**
 * Starts the built Weir as a user would, through bin/weir.cjs, and sees that it proxies, reports and stops, and that what it loads only
 * when it is needed is found. Needs `npm run build` first. Ends with 1 when anything is not as it should be.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { HELLO_DEFAULTS, startHelloServer } from '../deploy/examples/hello/hello-server.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const LAUNCHER = path.join(ROOT, 'bin/weir.cjs')
const READY_LIMIT_MS = 15_000
const STOP_LIMIT_MS = 10_000

async function findFreePort (): Promise<number> {
  const probe = net.createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const bound = probe.address()
  probe.close()
  assert.ok(bound !== null && typeof bound === 'object')
  return bound.port
}

async function waitUntilReady (weir: ChildProcess, admin: string): Promise<void> {
  const deadlineMs = performance.now() + READY_LIMIT_MS
  while (performance.now() < deadlineMs) {
    assert.equal(weir.exitCode ?? weir.signalCode, null, 'weir ended before it was ready')
    const ready = await fetch(`${admin}/readyz`).then(response => response.ok, () => false)
    if (ready) return
    await wait(20)
  }
  assert.fail(`weir was not ready after ${READY_LIMIT_MS} ms`)
}

interface Places {
  readonly file: string
  readonly web: string
  readonly admin: string
}

/** Writes a configuration on free ports; returns where things are. */
async function writeConfig (folder: string, originPort: number): Promise<Places> {
  const [web, admin] = [await findFreePort(), await findFreePort()]
  const file = path.join(folder, 'weir.yaml')
  writeFileSync(file, `
listeners: [{ name: web, address: 127.0.0.1, port: ${web} }]
admin: { port: ${admin} }
workers: 1
drain: { delay: 0s }
routes:
  - name: hello
    health: { active: { path: /, interval: 1s } }
    versions:
      - { name: stable, weight: 1, endpoints: { static: ["127.0.0.1:${originPort}"] } }
      - name: canary
        weight: 0
        match: [{ headers: [{ name: User-Agent, regex: 'Smoke/1[0-9]' }] }]
        endpoints: { static: ["127.0.0.1:${originPort}"] }
`)
  return { file, web: `http://127.0.0.1:${web}`, admin: `http://127.0.0.1:${admin}` }
}

/** Regular expressions, validation, the OpenAPI document, the HTTP client of checks, the commands, messages on a wrong configuration. */
async function lookAtWhatComesLater ({ file, web, admin }: Places): Promise<void> {
  const matched = await fetch(web, { headers: { 'user-agent': 'Smoke/17' } })
  assert.equal(matched.status, 200)
  await matched.text()
  const change = async (body: object): Promise<number> => {
    const answer = await fetch(`${admin}/v1/routes/hello/weights`, {
      method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body)
    })
    await answer.text()
    return answer.status
  }
  assert.equal(await change({ weights: { stable: 'many' } }), 400)
  assert.equal(await change({ weights: { stable: 9, canary: 1 } }), 200)
  assert.match(await (await fetch(`${admin}/openapi.json`)).text(), /"openapi"/)
  const status = execFileSync(process.execPath, [LAUNCHER, 'status', '--server', admin], { encoding: 'utf8' })
  assert.match(status, /hello[^]*canary/)
  const checks = 'weir_health_checks_total'
  const deadlineMs = performance.now() + READY_LIMIT_MS
  for (let seen = ''; !new RegExp(`^${checks}\\{.*result="pass".*\\} [1-9]`, 'm').test(seen); seen = await (await fetch(`${admin}/metrics`)).text()) {
    assert.ok(performance.now() < deadlineMs, 'no health check has passed')
    await wait(100)
  }
  const wrong = spawnSync(process.execPath, [LAUNCHER, 'validate', '--config', file, '--offline'], {
    encoding: 'utf8', env: { ...process.env, WEIR_WORKERS: 'many' }
  })
  assert.equal(wrong.status, 1)
  assert.match(wrong.stderr, /WEIR_WORKERS.*whole number/)
}

async function stop (weir: ChildProcess): Promise<void> {
  const ended = once(weir, 'exit')
  weir.kill('SIGTERM')
  const late = setTimeout(() => { weir.kill('SIGKILL') }, STOP_LIMIT_MS)
  await ended
  clearTimeout(late)
  assert.equal(weir.signalCode, null, `weir did not stop within ${STOP_LIMIT_MS} ms of SIGTERM`)
  assert.equal(weir.exitCode, 0, 'weir stops with 0 after SIGTERM')
}

async function main (): Promise<void> {
  assert.ok(existsSync(path.join(ROOT, 'dist/main.js')), 'dist/main.js is missing: run `npm run build` first')
  const manifest: unknown = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
  assert.ok(typeof manifest === 'object' && manifest !== null && 'version' in manifest && typeof manifest.version === 'string')
  const printed = execFileSync(process.execPath, [LAUNCHER, '--version'], { encoding: 'utf8' })
  assert.ok(printed.includes(manifest.version), `weir --version says ${manifest.version}; it said ${printed}`)

  const folder = mkdtempSync(path.join(os.tmpdir(), 'weir-smoke-'))
  const origin = await startHelloServer({ ...HELLO_DEFAULTS, port: 0 })
  let weir: ChildProcess | undefined
  try {
    const { file, web, admin } = await writeConfig(folder, origin.port)
    execFileSync(process.execPath, [LAUNCHER, 'validate', '--config', file], { stdio: ['ignore', 'ignore', 'inherit'] })
    weir = spawn(process.execPath, [LAUNCHER, 'run', '--config', file], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
    await waitUntilReady(weir, admin)
    const answer = await fetch(web)
    assert.equal(await answer.text(), `hello 1.0.0 from 127.0.0.1:${origin.port}\n`)
    const metrics = await fetch(`${admin}/metrics`)
    assert.match(await metrics.text(), /^weir_/m)
    await lookAtWhatComesLater({ file, web, admin })
    await stop(weir)
  } finally {
    weir?.kill('SIGKILL')
    await origin.close()
    rmSync(folder, { recursive: true, force: true })
  }
  console.log('smoke: the built weir validates, proxies, loads what is needed, reports and stops')
}

main().catch((error: unknown) => {
  console.error(`smoke: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
})
