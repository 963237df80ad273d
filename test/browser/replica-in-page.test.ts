/** The library in a real browser: a page with a replica on IndexedDB, and replicas elsewhere. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  createMemoryStorage,
  definePartition,
  mintToken,
  openReplica,
  type Replica,
  room,
  tokenVerifier,
} from '../../src/index.ts'
import { runningRelay } from '../server/running-relay.ts'
import { findChromium } from '../support/chromium.ts'
import { startRelayProcess } from '../support/relay-process.ts'
import { steadyPort } from '../support/steady-port.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { waitUntil } from '../support/wait-until.ts'
import { Browser } from './browser.ts'
import { bundleForBrowsers } from './bundle.ts'
import { bundleExamples } from './example-scripts.ts'

const entries = {
  main: 'dist/test/browser/page/main.js',
  worker: 'dist/test/browser/page/worker.js',
}
const Notes = definePartition<string>({ name: 'notes', policy: 'last-write-wins' })
const scope = room('r1')

async function openNodeReplica(relay: string, token?: string): Promise<Replica> {
  const storage = createMemoryStorage()
  const replica = await openReplica({ actor: 'node', storage, relay, ...(token && { token }) })
  onTestFinished(() => replica.close())
  return replica
}

describe('a bundle for browsers', () => {
  test('needs no module of Node, and has no package that only Node can run', async () => {
    const { files, complaints } = await bundleForBrowsers({ all: 'dist/src/index.js' })
    expect(complaints).toEqual([])
    const foreign =
      /__vite-browser-external|classic-level|browser-level|@redis\/client|ws does not work/
    for (const [name, text] of files)
      expect([name, foreign.exec(text)?.[0]]).toEqual([name, undefined])
  })
})

const chromium = findChromium()

describe.runIf(chromium)('a replica in a page', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await Browser.open(chromium as string, entries)
  })
  afterAll(() => browser?.close())

  test('reaches others by a relay that asks for its token and origin, and they reach it', async () => {
    const secret = 'a secret of more than thirty-two bytes'
    const grants = [{ scope: '*', partition: '*', rights: 'write' }] as const
    const token = await mintToken(secret, { subject: 'page', grants, seconds: 60 })
    const origins = [browser.originOf('localhost')]
    const { url } = await runningRelay({ tokens: tokenVerifier({ secret }) }, { origins })
    const page = await browser.openTab('linked')
    await page.run('open', { storage: 'linked', relay: url, token })
    await page.run('set', 'from page', 'hello')
    await page.run('flush', 'durable')

    const replica = await openNodeReplica(url, token)
    const notes = await replica.open(scope, Notes)
    await replica.synced()
    expect(notes.get('from page')).toBe('hello')
    notes.set('from node', 'hello, page')
    await replica.flush()
    await page.run('synced')
    expect(await page.run('entries')).toEqual({ 'from page': 'hello', 'from node': 'hello, page' })
  })

  test('is refused by a relay that serves the pages of another origin', async () => {
    const { url } = await runningRelay({}, { origins: ['https://elsewhere.example'] })
    const page = await browser.openTab('refused')
    await page.run('open', { storage: 'refused', relay: url })
    await page.run('set', 'a', 'b')
    await waitUntil(async () => (await page.run('status')).error?.code === 'LINK_FAILED')
  })

  test('does what the README shows', async () => {
    const { url } = await runningRelay()
    const files = await bundleExamples(url)
    browser.serve(files)
    const examples = [...files.keys()].filter(name => name.startsWith('README'))
    expect(examples.length).toBeGreaterThan(15)
    const page = await browser.openTab('readme')
    for (const example of examples) {
      await page.run('importScript', `/${example}`).catch(({ message }) => {
        expect.fail(`${example}: ${message}`)
      })
    }
    const replica = await openNodeReplica(url)
    const notes = await replica.open(scope, Notes)
    await replica.synced()
    expect(notes.get('draft')).toContain('kept in this browser')
  })

  test('keeps offline what it wrote when the page is loaded again, and sends it later', async () => {
    const data = await temporaryDirectory()
    const port = await steadyPort()
    const url = `ws://127.0.0.1:${port}`
    const page = await browser.openTab('offline')
    await page.run('open', { storage: 'offline', relay: url })
    await page.run('set', 'a', 'offline')
    await page.run('flush', 'local')
    await browser.reload('offline')

    await page.run('open', { storage: 'offline', relay: url })
    expect(await page.run('entries')).toEqual({ a: 'offline' })
    const relay = await startRelayProcess({ data, port })
    onTestFinished(async () => void (await relay.kill('SIGKILL')))
    await page.run('flush', 'durable')
    const replica = await openNodeReplica(relay.url)
    const notes = await replica.open(scope, Notes)
    await replica.synced()
    expect(notes.get('a')).toBe('offline')
  })

  test('loses nothing that was flushed when the browser is killed', async () => {
    const page = await browser.openTab('killed')
    await page.run('open', { storage: 'killed' })
    for (const key of ['a', 'b', 'c']) await page.run('set', key, 'kept')
    await page.run('flush', 'local')
    await page.gone(() => browser.killAndRestart())

    const again = await browser.openTab('killed')
    await again.run('open', { storage: 'killed' })
    expect(await again.run('entries')).toEqual({ a: 'kept', b: 'kept', c: 'kept' })
  })

  test('is seen in a scope, and sees who is there, until its tab is closed', async () => {
    const { url } = await runningRelay()
    const page = await browser.openTab('present')
    await page.run('open', { storage: 'present', relay: url })
    await page.run('beHere', 'reader')
    const replica = await openNodeReplica(url)
    const presence = await replica.presence(scope)
    presence.set({ role: 'writer' })
    await waitUntil(async () => (await page.run('rolesHere')).includes('writer'))
    const roles = () => presence.members().map(({ role }) => role)
    await waitUntil(() => roles().includes('reader'))
    await page.gone(() => browser.devtools('present', 'Page.close'))
    await waitUntil(() => !roles().includes('reader'))
  })

  test('gives and gets blobs', async () => {
    const { url } = await runningRelay()
    const page = await browser.openTab('blobs')
    await page.run('open', { storage: 'blobs', relay: url })
    const large = 'from the page '.repeat(50_000)
    const ref = await page.run('putBlob', large)
    await page.run('flush', 'durable')
    const replica = await openNodeReplica(url)
    await replica.open(scope, Notes)
    await replica.synced()
    const blobs = replica.blobs.of(scope, Notes)
    expect(new TextDecoder().decode(await blobs.get(JSON.parse(ref)))).toBe(large)
    const back = await blobs.put(new TextEncoder().encode('from node'))
    await replica.flush()
    expect(await page.run('blob', JSON.stringify(back))).toBe('from node')
  })

  test('is a peer of one in a worker, over its port, which has a store for itself', async () => {
    const page = await browser.openTab('worker')
    const [answer, refusal] = await page.run('answerOfWorker', 'hello', 'of-worker')
    expect(answer).toBe('hello, too')
    expect(refusal).toBe('STORAGE_LOCKED')
  })

  test('answers queries, spends its budget, and refuses with coded errors', async () => {
    const page = await browser.openTab('state')
    expect(await page.run('urgentTasks', 'tasks')).toEqual(['tea', 'water'])
    expect(await page.run('spend', 'spend')).toEqual([70, 'BUDGET_INSUFFICIENT', 70])
    const codes = ['ID_INVALID', 'VALUE_INVALID', 'RELAY_NOT_CONFIGURED']
    codes.push('OPTION_INVALID', 'OPTION_INVALID', 'CLOSED')
    expect(await page.run('refusals')).toEqual(codes)
  })

  test('has an archive that is compressed', async () => {
    const page = await browser.openTab('archive')
    const text = 'all work and no play '.repeat(1_000)
    const [value, bytes] = await page.run('archived', 'archive', text)
    expect(value).toBe(text)
    expect(bytes).toBeLessThan(text.length / 10)
  })
})
