import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { z } from 'zod'
import { definePartition } from '../../src/model/partition-definition.ts'
import { type LogArrival, LogPartition } from '../../src/partition/log/log-partition.ts'
import { manualTime } from '../support/manual-time.ts'
import { codes, logReplica, openLog, values } from './log-model.ts'
import { pull, syncAll, testHost } from './replica-model.ts'

describe('appending', () => {
  it('adds an entry that reads at once, and says where it stands', () => {
    const { log } = logReplica({ actor: 'ann', writer: 5 })
    const first = log.append({ text: 'one' })
    const second = log.append({ text: 'two' })
    expect(first).toMatchObject({ actor: 'ann', writer: 5, seq: 0 })
    expect(second.seq).toBe(1)
    expect(second.timestamp).toBeGreaterThan(first.timestamp)
    expect(log.length).toBe(2)
    expect(log.get(second)).toEqual({ ...second, value: { text: 'two' } })
    expect(log.get({ writer: 5, seq: 2 })).toBeUndefined()
  })

  it('adds several entries as one update, or none of them', () => {
    const host = testHost()
    const schema = z.number()
    const log = new LogPartition(definePartition({ name: 'n', policy: 'log', schema }), host)
    let updates = 0
    host.doc.on('update', () => (updates += 1))
    log.appendAll([1, 2, 3])
    expect(() => log.appendAll([4, 'five' as unknown as number])).toThrow(
      expect.objectContaining({ code: 'VALUE_INVALID' }),
    )
    expect(values(log as LogPartition<unknown>)).toEqual([1, 2, 3])
    expect(updates).toBe(1)
  })

  it('keeps the items of a lane short, and its chain whole', () => {
    const { host, log } = logReplica({ writer: 5 })
    log.append(0)
    log.appendAll(Array.from({ length: 600 }, (_, index) => index + 1))
    for (let index = 601; index < 1000; index++) log.append(index)
    const lengths: number[] = []
    for (let item = host.doc.getArray('lane:5')._start; item !== null; item = item.right) {
      lengths.push(item.length)
    }
    expect(lengths).toEqual([256, 256, 256, 232])
    expect(values(log)).toEqual(Array.from({ length: 1000 }, (_, index) => index))
    expect(log.verify().problems).toEqual([])
  })

  it('keeps values beyond JSON, and hands out copies of what cannot be frozen', () => {
    const { log } = logReplica()
    const value = { at: new Date(5), set: new Set([1n]), bytes: new Uint8Array([1]), nan: NaN }
    const place = log.append(value)
    expect(log.get(place)?.value).toEqual(value)
    expect(log.get(place)?.value).not.toBe(log.get(place)?.value)
  })

  it('goes on in the same lane after a clean restart, even if the wall clock went back', () => {
    const before = logReplica({ writer: 5, time: manualTime(2_000_000_000_000) })
    before.log.append('a')
    const host = testHost({ writer: 6, time: manualTime(1_700_000_000_000) })
    pull(before.host, host)
    host.doc.clientID = 5
    const { log } = openLog(host)
    expect(log.append('b')).toMatchObject({ writer: 5, seq: 1 })
    expect(values(log)).toEqual(['a', 'b'])
    expect(codes(log)).toEqual(['CLOCK_DRIFT'])
  })

  it('starts a lane of its own when the client changes', () => {
    const { host, log } = logReplica({ writer: 5 })
    log.append('a')
    host.doc.clientID = 6
    expect(log.append('b')).toMatchObject({ writer: 6, seq: 0 })
    expect(log.verify()).toEqual({ lanes: 2, entries: 2, problems: [] })
  })

  it('shares a lane between the handles of a replica', () => {
    const { host, log } = logReplica({ actor: 'ann', writer: 5 })
    const other = openLog(testHost({ actor: 'bob', doc: host.doc }))
    log.append('a')
    expect(other.log.append('b')).toMatchObject({ actor: 'bob', writer: 5, seq: 1 })
    host.doc.transact(() => {
      log.append('c')
      other.log.append('d')
    })
    expect(values(log)).toEqual(['a', 'b', 'c', 'd'])
    expect(values(other.log)).toEqual(['a', 'b', 'c', 'd'])
    expect(codes(other.log)).toEqual([])
  })
})

describe('reading', () => {
  const { log } = logReplica()
  const places = log.appendAll(Array.from({ length: 1000 }, (_, index) => index))

  it('gives pages from any position, in both directions', () => {
    const page = (options: Parameters<typeof log.entries>[0]) => {
      return [...log.entries(options)].map(({ value }) => value)
    }
    expect(page({ limit: 2 })).toEqual([0, 1])
    expect(page({ limit: 0 })).toEqual([])
    expect(page({ limit: 2, reverse: true })).toEqual([999, 998])
    for (const at of [0, 1, 254, 255, 256, 511, 512, 513, 998, 999]) {
      const after = places[at] as (typeof places)[0]
      expect(page({ after, limit: 3 })).toEqual([at + 1, at + 2, at + 3].filter(n => n < 1000))
      const back = [at - 1, at - 2, at - 3].filter(n => n >= 0)
      expect(page({ after, limit: 3, reverse: true })).toEqual(back)
    }
  })

  it('takes a position that is not there', () => {
    const { timestamp } = places[10] as (typeof places)[0]
    const after = { timestamp, actor: '', writer: 0, seq: 0 }
    expect(log.entries({ after }).next().value.value).toBe(10)
  })

  it('meets entries that come in ahead of an iteration', () => {
    const { log } = logReplica()
    log.appendAll(Array.from({ length: 256 }, (_, index) => index))
    const seen: unknown[] = []
    for (const { value } of log) {
      if (value === 3) log.append('new')
      seen.push(value)
    }
    expect(seen.at(-1)).toBe('new')
  })

  it('refuses a limit that is none, and everything once closed', () => {
    const { log, host } = logReplica()
    expect(() => log.entries({ limit: -1 }).next()).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
    log.close()
    log.close()
    expect(host.released).toBe(true)
    for (const call of [() => log.length, () => log.append(1), () => log.verify()]) {
      expect(call).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    }
  })
})

describe('subscribing', () => {
  it('tells of arrivals in their order, and which stand before what was there', () => {
    const time = manualTime()
    const a = logReplica({ actor: 'ann', writer: 1, time })
    const b = logReplica({ actor: 'bob', writer: 2, time })
    const seen: LogArrival<unknown>[][] = []
    b.log.append('b1')
    time.advance(10)
    a.log.append('a1')
    a.log.subscribe(arrivals => seen.push([...arrivals]))
    time.advance(10)
    b.log.append('b2')
    pull(b.host, a.host)
    a.log.append('a2')
    const told = seen.map(arrivals =>
      arrivals.map(({ entry, late, origin }) => [entry.value, late, origin]),
    )
    expect(told).toEqual([
      [
        ['b1', true, 'remote'],
        ['b2', false, 'remote'],
      ],
      [['a2', false, 'local']],
    ])
    expect(values(a.log)).toEqual(['b1', 'a1', 'b2', 'a2'])
  })

  it('lets a listener append, after Yjs has finished', () => {
    const { log } = logReplica()
    const seen: unknown[] = []
    log.subscribe(([arrival]) => {
      seen.push(arrival?.entry.value)
      if (arrival?.entry.value === 'ping') log.append('pong')
    })
    log.append('ping')
    expect(seen).toEqual(['ping', 'pong'])
  })
})

describe('verifying', () => {
  it('names deleted entries as a gap, also on a replica that never saw them', () => {
    const a = logReplica({ writer: 1 })
    const b = logReplica({ writer: 2 })
    a.log.appendAll(['a', 'b', 'c', 'd', 'e'])
    syncAll([a.host, b.host])
    b.host.doc.getArray('lane:1').delete(1, 2)
    const [afresh] = [logReplica({ writer: 3 })]
    syncAll([a.host, b.host, afresh.host])
    for (const { log } of [a, b, afresh]) {
      expect(values(log)).toEqual(['a', 'd', 'e'])
      const [problem] = log.verify().problems
      expect(problem).toMatchObject({ writer: 1, seq: 1, error: { code: 'LOG_GAP' } })
      expect(log.verify().problems).toHaveLength(1)
      expect(log.get({ writer: 1, seq: 3 })?.value).toBe('d')
    }
    expect(a.log.append('f').seq).toBe(5)
    expect(a.host.reported.map(({ code }) => code)).toEqual(['LOG_GAP'])
    expect(afresh.host.reported.map(({ code }) => code)).toEqual(['LOG_GAP'])
  })

  it('counts deleted entries at the end of a lane as places taken', () => {
    const a = logReplica({ writer: 1 })
    a.log.appendAll(['a', 'b'])
    a.host.doc.getArray('lane:1').delete(0, 2)
    expect(a.log.length).toBe(0)
    expect(a.log.append('c').seq).toBe(2)
    expect(codes(a.log)).toEqual(['LOG_GAP'])
  })

  it('leaves out what another client puts into a lane, without moving its entries', () => {
    const a = logReplica({ writer: 1 })
    const b = logReplica({ writer: 2 })
    a.log.appendAll(['a', 'b'])
    syncAll([a.host, b.host])
    const [genuine] = b.host.doc.getArray('lane:1').toArray()
    b.host.doc.getArray('lane:1').insert(1, [genuine])
    syncAll([a.host, b.host])
    a.log.append('c')
    expect(values(a.log)).toEqual(['a', 'b', 'c'])
    expect(codes(a.log)).toEqual(['ENTRY_FORGED'])
    expect(a.host.reported.map(({ code }) => code)).toEqual(['ENTRY_FORGED'])
    expect(codes(openLog(testHost({ doc: a.host.doc })).log)).toEqual(['ENTRY_FORGED'])
  })

  it('names the entry that does not follow the one before it', () => {
    const a = logReplica({ writer: 1 })
    a.log.appendAll(['a', 'b'])
    const lane = a.host.doc.getArray<object>('lane:1')
    const b = logReplica({ writer: 2 })
    pull(a.host, b.host)
    // The last entry once more: a writer that lost its tail goes on from an older head.
    lane.push([{ ...lane.get(1) }])
    a.log.append('c')
    pull(a.host, b.host)
    expect(b.log.verify().problems).toMatchObject([
      { writer: 1, seq: 2, error: { code: 'LOG_FORK' } },
    ])
    expect(b.host.reported.map(({ code }) => code)).toEqual(['LOG_FORK'])
    // Found in what was there at the start, too, but only on demand.
    const late = openLog(testHost({ doc: a.host.doc }))
    expect(late.log.problems()).toEqual([])
    expect(codes(late.log)).toEqual(['LOG_FORK'])
    expect(codes(late.log)).toEqual(['LOG_FORK'])
    expect(late.host.reported).toHaveLength(1)
  })

  it('leaves out what is no entry, and says so', () => {
    const host = testHost({ writer: 7 })
    const lane = host.doc.getArray<unknown>('lane:7')
    const good = { v: 1, t: 5, a: 'x', h: new Uint8Array(32) }
    const bad = [
      'text',
      { ...good, t: -1 },
      { ...good, a: '' },
      { ...good, h: new Uint8Array(3) },
      { ...good, h: 'link' },
      { t: 5, a: 'x', h: good.h },
      { ...good, v: { $: 'nothing' } },
    ]
    lane.push(bad)
    lane.push([new Uint8Array(4)])
    lane.push([new Y.Map()])
    host.doc.getMap('joints').set('x', 1)
    host.doc.getText('lane:08').insert(0, 'hello')
    host.doc.getArray('lane:9').push([good])
    const { log } = openLog(host)
    expect(log.length).toBe(0)
    const expected = [
      'ROOT_UNKNOWN', // lane:08
      ...Array(bad.length + 2).fill('ENTRY_INVALID'),
      'ENTRY_FORGED', // lane:9
    ]
    expect(codes(log)).toEqual(expected)
    expect(host.reported.map(({ code }) => code).sort()).toEqual(expected.sort())
    expect(log.append('fine').seq).toBe(bad.length + 2)
    expect(values(log)).toContain('fine')
  })

  it('does not take the word of a run of deleted elements for its work', () => {
    // One deleted element that claims to be 2^30 long.
    const update = Uint8Array.from([
      1,
      1,
      7,
      0,
      1,
      1,
      6,
      ...new TextEncoder().encode('lane:7'),
      128,
      128,
      128,
      128,
      4,
      0,
    ])
    const { host, log } = logReplica()
    Y.applyUpdate(host.doc, update)
    expect(codes(log)).toEqual(['LOG_GAP'])
    expect(log.verify().problems[0]?.error.message).toContain(String(2 ** 30))
    host.doc.clientID = 7
    expect(log.append(1).seq).toBe(2 ** 30)
  })
})
