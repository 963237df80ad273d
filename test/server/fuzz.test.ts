/**
 * Damaged messages over sockets. `FUZZ=<number> npx vitest run test/server/fuzz.test.ts` sends more;
 * it is far too slow for every run.
 */
import { expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import { startRelayProcess } from '../support/relay-process.ts'
import { testSeed } from '../support/seed.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { bystander } from './bystander.ts'
import { frameClient } from './frame-client.ts'
import { fuzzRelay } from './relay-fuzz.ts'

const messages = Number(process.env.FUZZ ?? 4_000)
const timeout = 120_000 + messages * 4

async function relayOn(data: string) {
  const relay = await startRelayProcess({ data })
  onTestFinished(async () => {
    await relay.kill('SIGKILL')
  })
  return relay
}

/** What a document holds, which must be whole and can be written on. */
async function contentOf(url: string, document: string): Promise<Uint8Array> {
  const client = await frameClient(url)
  const { doc } = await client.open(document)
  client.webSocket.close()
  expect(doc.store.pendingStructs).toBe(null)
  expect(doc.store.pendingDs).toBe(null)
  const content = Y.encodeStateAsUpdate(doc)
  const copy = new Y.Doc()
  Y.applyUpdate(copy, content)
  copy.getText('after').insert(0, 'written')
  expect(copy.getText('after').toString()).toBe('written')
  return content
}

test(
  `${messages} damaged messages stop no relay, wedge no document, and disturb no other room`,
  async () => {
    const data = await temporaryDirectory()
    const relay = await relayOn(data)
    const other = await bystander(relay.url)
    const calm = await latencies(other, 100)
    let fuzzing = true
    const fuzz = fuzzRelay({ url: relay.url, seed: testSeed(), messages }).finally(() => {
      fuzzing = false
    })
    const disturbed: number[] = []
    while (fuzzing) disturbed.push(...(await latencies(other, 20)))
    const { sent, closes, documents } = await fuzz
    const figures = { sent, closes: [...closes].sort(), calm: p99(calm), disturbed: p99(disturbed) }
    if (process.env.FUZZ !== undefined) process.stderr.write(`${JSON.stringify(figures)}\n`)
    expect(sent).toBeGreaterThanOrEqual(messages)
    // Some were let through, and some were not; nothing failed inside.
    expect(closes.get(0) ?? 0).toBeGreaterThan(0)
    expect(closes.get(4400) ?? 0).toBeGreaterThan(0)
    expect(closes.has(1011)).toBe(false)
    expect(relay.stderr()).not.toContain('"failure"')

    const before = await contentsOf(relay.url, documents)
    expect(await relay.kill('SIGTERM')).toMatchObject({ code: 0 })
    const again = await relayOn(data)
    expect(again.stderr()).not.toContain('damaged')
    const after = await contentsOf(again.url, documents)
    expect(after).toEqual(before)
    expect(await (await bystander(again.url, 'room:r1/later')).works()).toBeGreaterThan(0)
  },
  timeout,
)

async function contentsOf(url: string, documents: readonly string[]): Promise<Uint8Array[]> {
  const contents: Uint8Array[] = []
  for (const document of documents) contents.push(await contentOf(url, document))
  return contents
}

async function latencies(other: { works(): Promise<number> }, count: number): Promise<number[]> {
  const taken: number[] = []
  for (let index = 0; index < count; index++) taken.push(await other.works())
  return taken
}

function p99(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * 0.99)] ?? 0
}
