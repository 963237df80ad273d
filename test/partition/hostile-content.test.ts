import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { definePartition } from '../../src/model/partition-definition.ts'
import { openPartition } from '../../src/partition/open-partition.ts'
import { pull, testHost } from './replica-model.ts'

const Data = definePartition({ name: 'data', policy: 'last-write-wins' })
const stamp = 1_700_000_000_000 * 1024
const entry = { v: 'forged', t: stamp, a: 'mallory' }
const mallory = 666

/** A shared type, made when it is needed. */
const nestedType = 'a nested type'

/** What a client without our rules writes into the root map, by row. */
const rows: [string, string, unknown][] = [
  ['ENTRY_INVALID', 'plain', entry],
  ['ENTRY_INVALID', '\x366', entry],
  ['ENTRY_INVALID', 'k\0', entry],
  ['ENTRY_INVALID', 'k\x000ii', entry],
  ['ENTRY_INVALID', 'k\0x\x00ii', entry],
  ['ENTRY_INVALID', `${'x'.repeat(2000)}\x00ii`, entry],
  ['ENTRY_INVALID', 'k\x00ii', null],
  ['ENTRY_INVALID', 'k\x00ii', 'text'],
  ['ENTRY_INVALID', 'k\x00ii', [entry]],
  ['ENTRY_INVALID', 'k\x00ii', {}],
  ['ENTRY_INVALID', 'k\x00ii', new Uint8Array(3)],
  ['ENTRY_INVALID', 'k\x00ii', nestedType],
  ['ENTRY_INVALID', 'k\x00ii', { ...entry, t: -1 }],
  ['ENTRY_INVALID', 'k\x00ii', { ...entry, t: '1' }],
  ['ENTRY_INVALID', 'k\x00ii', { ...entry, t: Number.NaN }],
  ['ENTRY_INVALID', 'k\x00ii', { ...entry, a: '' }],
  ['ENTRY_INVALID', 'k\x00ii', { ...entry, a: { toString: 1 } }],
  ['ENTRY_INVALID', 'k\x00ii', { ...entry, v: { $: 'regexp' } }],
  ['ENTRY_INVALID', 'k\x00ii', { ...entry, v: undefined }],
  ['ENTRY_FORGED', 'k\x007', entry],
]

describe('foreign content', () => {
  it.each(rows)('is left out, counted and reported once as %s: %j %j', (code, row, content) => {
    const [host, stranger] = [testHost({ writer: 1 }), testHost({ writer: mallory })]
    const live = openPartition(Data, host)
    live.set('k', 'true')
    pull(host, stranger)
    stranger.doc.getMap('reg').set(row, content === nestedType ? new Y.Map() : content)
    pull(stranger, host)
    const late = testHost({ doc: host.doc })
    for (const data of [live, openPartition(Data, late)]) {
      expect([...data]).toEqual([['k', 'true']])
      expect(data.siblings('k')).toHaveLength(1)
      expect(data.problems().map(({ place, error }) => [place, error.code])).toEqual([[row, code]])
    }
    live.set('k', 'again')
    expect(host.reported.map(error => error.code)).toEqual([code])
    expect(late.reported.map(error => error.code)).toEqual([code])
  })

  it('is no problem any more when its writer takes it away', () => {
    const [host, stranger] = [testHost({ writer: 1 }), testHost({ writer: mallory })]
    const data = openPartition(Data, host)
    const map = stranger.doc.getMap('reg')
    map.set('k\x00ii', 'wrong')
    pull(stranger, host)
    expect(data.problems()).toHaveLength(1)
    map.set('k\x00ii', entry)
    pull(stranger, host)
    expect(data.problems()).toEqual([])
    expect(data.get('k')).toBe('forged')
  })

  it('takes the true client of a row from Yjs, also after merging and garbage collection', () => {
    const [host, stranger] = [testHost({ writer: 1 }), testHost({ writer: mallory })]
    const own = openPartition(Data, stranger)
    for (let count = 0; count < 100; count++) own.set('k', count)
    pull(stranger, host)
    const forged = stranger.doc.getMap('reg')
    for (let count = 0; count < 100; count++) forged.set('k\x001', entry)
    pull(stranger, host)
    const again = testHost({ writer: 2 })
    Y.applyUpdate(again.doc, Y.encodeStateAsUpdate(host.doc))
    const data = openPartition(Data, again)
    expect(data.siblings('k').map(({ writer }) => writer)).toEqual([mallory])
    expect(data.problems().map(({ error }) => error.code)).toEqual(['ENTRY_FORGED'])
  })

  it('in other roots is left alone and reported', () => {
    const [host, stranger] = [testHost({ writer: 1 }), testHost({ writer: mallory })]
    const data = openPartition(Data, host)
    stranger.doc.getText('notes').insert(0, 'hello')
    pull(stranger, host)
    stranger.doc.getText('notes').insert(0, 'again ')
    pull(stranger, host)
    expect(host.reported.map(error => error.code)).toEqual(['ROOT_UNKNOWN'])
    expect(data.problems().map(({ place }) => place)).toEqual(['notes'])
    expect(host.doc.getText('notes').toString()).toBe('again hello')
  })

  it('in the list of our root shows nowhere', () => {
    const [host, stranger] = [testHost({ writer: 1 }), testHost({ writer: mallory })]
    const data = openPartition(Data, host)
    data.subscribe(() => expect.unreachable())
    stranger.doc.getArray('reg').push([entry])
    pull(stranger, host)
    expect(data.size).toBe(0)
  })

  it('that made our root something else is refused with a code', () => {
    const host = testHost()
    host.doc.getArray('reg')
    expect(() => openPartition(Data, host)).toThrow(
      expect.objectContaining({ code: 'ROOT_MISMATCH' }),
    )
  })
})

describe('a stamp from a clock far ahead', () => {
  const ahead = { ...entry, t: stamp + 365 * 86_400_000 * 1024 }

  it('is reported and does not drag our clock, and the next write replaces it', () => {
    const [host, stranger] = [testHost({ writer: 1 }), testHost({ writer: mallory })]
    const data = openPartition(Data, host)
    const before = host.clock.next()
    stranger.doc.getMap('reg').set('k\x00ii', { ...ahead, t: before + 2 ** 44 })
    pull(stranger, host)
    expect(host.reported.map(error => error.code)).toEqual(['CLOCK_DRIFT'])
    expect(data.get('k')).toBe('forged')
    expect(host.clock.next()).toBeLessThan(before + 1024)
    data.set('k', 'ours')
    expect([data.get('k'), data.siblings('k').length]).toEqual(['ours', 1])
    expect(data.problems()).toEqual([])
  })

  it('of a replica that is a little ahead is followed', () => {
    const [host, other] = [testHost({ writer: 1 }), testHost({ writer: 2 })]
    other.time.advance(5_000)
    openPartition(Data, other).set('k', 'later')
    const data = openPartition(Data, host)
    pull(other, host)
    data.set('m', 1)
    const [theirs, ours] = [data.siblings('k')[0], data.siblings('m')[0]]
    expect(ours?.timestamp).toBeGreaterThan(theirs?.timestamp as number)
    expect(host.reported).toEqual([])
  })
})
