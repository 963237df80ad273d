import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { readDocument } from '../../server/stored-document.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import { frameClient } from './frame-client.ts'
import { runningRelay } from './running-relay.ts'

/** A text typed in two steps: the first letters, the rest, and all of it as one item. */
function typedText() {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', update => updates.push(update))
  doc.getText('text').insert(0, 'abc')
  doc.getText('text').insert(3, 'def')
  const [beginning, rest] = updates as [Uint8Array, Uint8Array]
  return { beginning, rest, whole: Y.encodeStateAsUpdate(doc) }
}

function textOf(updates: readonly Uint8Array[]): string {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc.getText('text').toString()
}

function read(...updates: Uint8Array[]) {
  return readDocument({
    updates: updates.map((update, clock) => ({ clock, update })),
    damaged: [],
  })
}

describe('a log that was written by somebody else', () => {
  test('may hold items of which an earlier update has the beginning', () => {
    const { beginning, whole } = typedText()
    const { updates, damage } = read(beginning, whole)
    expect(damage).toEqual([])
    expect(textOf(updates.map(({ update }) => update))).toBe('abcdef')
  })

  test('may hold its updates in another order', () => {
    const { beginning, rest } = typedText()
    const { updates, damage } = read(rest, beginning)
    expect(damage).toEqual([])
    expect(textOf(updates.map(({ update }) => update))).toBe('abcdef')
  })

  test('is served whole again when what was missing has come back', async () => {
    const { beginning, rest } = typedText()
    const storage = createMemoryStorage()
    await storage.append('notes', rest)
    const { url } = await runningRelay({ storage })
    const client = await frameClient(url)
    const { doc, relayChannel } = await client.open('notes')
    expect(doc.getText('text').toString()).toBe('')
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update: beginning })
    const { update } = await client.next('update', ({ channel }) => channel === relayChannel)
    expect(textOf([beginning, update])).toBe('abcdef')
    const later = await (await frameClient(url)).open('notes')
    expect(later.doc.getText('text').toString()).toBe('abcdef')
  })

  test('is damaged where something is missing, and the rest is read', () => {
    const { rest } = typedText()
    const other = new Y.Doc()
    other.getText('text').insert(0, 'x')
    const { updates, damage } = read(rest, Y.encodeStateAsUpdate(other))
    expect(damage).toEqual(['1 updates build on something missing'])
    expect(textOf(updates.map(({ update }) => update))).toBe('x')
  })
})
