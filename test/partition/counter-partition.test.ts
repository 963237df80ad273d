import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { CounterPartition } from '../../src/partition/counter-partition.ts'
import { pull, syncAll, type TestHost, testHost } from './replica-model.ts'

const refusedWith = (code: string) => expect.objectContaining({ code })

function counter(writer: number): { host: TestHost; counts: CounterPartition } {
  const host = testHost({ writer })
  return { host, counts: new CounterPartition(host) }
}

describe('a counter', () => {
  it('adds and takes away, below zero too', () => {
    const { counts } = counter(1)
    counts.increment('a')
    counts.increment('a', 4)
    counts.decrement('a', 7)
    expect([counts.value('a'), counts.value('b')]).toEqual([-2, 0])
    expect([...counts.keys()]).toEqual(['a'])
    expect([...counts]).toEqual([['a', -2]])
  })

  it('takes one row a writer, however often it counts', () => {
    const { host, counts } = counter(1)
    for (let count = 0; count < 10_000; count++) counts.increment('a')
    expect(Y.encodeStateAsUpdate(host.doc).length).toBeLessThan(80)
  })

  it('comes to the sum everywhere, whatever was merged in which order', () => {
    const step = fc.record({
      who: fc.nat(2),
      by: fc.integer({ min: -50, max: 50 }),
      from: fc.option(fc.nat(2)),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        const replicas = [1, 2, 3].map(counter)
        let sum = 0
        for (const { who, by, from } of steps) {
          const { host, counts } = replicas[who] as (typeof replicas)[number]
          if (from !== null) pull((replicas[from] as (typeof replicas)[number]).host, host)
          if (by < 0) counts.decrement('k', -by)
          else counts.increment('k', by)
          sum += by
        }
        syncAll(replicas.map(({ host }) => host))
        expect(replicas.map(({ counts }) => counts.value('k'))).toEqual([sum, sum, sum])
      }),
      { numRuns: 200 },
    )
  })

  it('goes on under a new writer after an unclean stop', () => {
    const before = counter(1)
    before.counts.increment('a', 5)
    const after = counter(2)
    pull(before.host, after.host)
    after.counts.increment('a', 2)
    expect(after.counts.value('a')).toBe(7)
  })

  it.each([-1, 1.5, Number.NaN, 2 ** 53, '1', 1n])('does not move by %s', by => {
    const { counts } = counter(1)
    expect(() => counts.increment('a', by as number)).toThrow(refusedWith('VALUE_INVALID'))
    expect(() => counts.decrement('a', by as number)).toThrow(refusedWith('VALUE_INVALID'))
    expect([...counts.keys()]).toEqual([])
  })

  it('is exact up to the safe integers, and says when it is beyond', () => {
    const [a, b] = [counter(1), counter(2)]
    a.counts.increment('k', Number.MAX_SAFE_INTEGER)
    expect(() => a.counts.increment('k')).toThrow(refusedWith('VALUE_INVALID'))
    b.counts.increment('k', 10)
    pull(a.host, b.host)
    expect(() => b.counts.value('k')).toThrow(refusedWith('VALUE_INVALID'))
    b.counts.decrement('k', 11)
    expect(b.counts.value('k')).toBe(Number.MAX_SAFE_INTEGER - 1)
  })
})

describe('a transaction', () => {
  it('is one update and one call of each listener', () => {
    const { host, counts } = counter(1)
    const told: unknown[] = []
    let updates = 0
    counts.subscribe(changes => told.push(changes))
    host.doc.on('update', () => {
      updates += 1
    })
    counts.transact(() => {
      counts.increment('a')
      counts.increment('b', 2)
      counts.increment('a')
      expect(counts.value('a')).toBe(2)
    })
    expect(updates).toBe(1)
    expect(told).toEqual([
      [
        { key: 'a', value: 2, origin: 'local' },
        { key: 'b', value: 2, origin: 'local' },
      ],
    ])
  })

  it('that throws, or is asynchronous, writes nothing', () => {
    const { counts } = counter(1)
    const failing = () => {
      counts.increment('a')
      throw new Error('no')
    }
    expect(() => counts.transact(failing)).toThrow('no')
    expect(() => counts.transact(async () => counts.increment('a'))).toThrow(
      refusedWith('OPTION_INVALID'),
    )
    expect(counts.value('a')).toBe(0)
  })
})

describe('rows that are not right', () => {
  it('are left out and reported: forged, malformed, beyond a safe integer', () => {
    const { host, counts } = counter(1)
    counts.increment('k', 3)
    const other = new Y.Doc()
    other.clientID = 2
    const rows = other.getMap('counters')
    rows.set('k\x001', [100, 0])
    rows.set('k\x002', [-1, 0])
    rows.set('l\x002', [2 ** 53, 0])
    rows.set('m\x002', [1, 2, 3])
    rows.set('n', [1, 2])
    other.getMap('elsewhere').set('a', 1)
    Y.applyUpdate(host.doc, Y.encodeStateAsUpdate(other))
    const codes = host.reported.map(({ code }) => code).sort()
    expect(codes.filter(code => code === 'ENTRY_INVALID')).toHaveLength(4)
    expect(codes).toContain('ROOT_UNKNOWN')
    expect([...counts.keys()].filter(key => key !== 'k')).toEqual([])
  })

  it('do not keep a partition from opening', () => {
    const host = testHost({ writer: 1 })
    host.doc.getMap('counters').set('k\x009', [1, 1])
    const counts = new CounterPartition(host)
    expect(counts.problems()).toMatchObject([{ error: { code: 'ENTRY_FORGED' }, place: 'k\x009' }])
    expect(counts.value('k')).toBe(0)
  })
})

describe('closing', () => {
  it('gives the document back once', () => {
    const { host, counts } = counter(1)
    counts.close()
    counts.close()
    expect(host.released).toBe(true)
    expect(() => counts.increment('a')).toThrow(refusedWith('CLOSED'))
    expect(() => counts.value('a')).toThrow(refusedWith('CLOSED'))
  })
})
