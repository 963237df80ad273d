import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { comparePlaces, positionBetween } from '../../src/state/position.ts'
import { type Table, table } from '../../src/state/table.ts'
import { hashKey } from '../../src/state/table-trie.ts'

describe('a table', () => {
  it('holds what a Map would, and tells exactly what differs from another version', () => {
    const key = fc.oneof(fc.string({ maxLength: 3 }), fc.integer({ max: 200 }).map(String))
    const step = fc.tuple(key, fc.option(fc.integer({ max: 3 })))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.nat(200), (steps, at) => {
        const model = new Map<string, number>()
        let now = table<number>()
        let marked: [Table<number>, Map<string, number>] = [now, new Map()]
        steps.forEach(([key, value], index) => {
          now = value === null ? now.without(key) : now.with(key, value)
          if (value === null) model.delete(key)
          else model.set(key, value)
          if (index === at) marked = [now, new Map(model)]
        })
        expect(new Map(now)).toEqual(model)
        expect(now.size).toBe(model.size)
        expect([...table(model)]).toEqual([...now])
        const [before, was] = marked
        const told = new Map<string, unknown>()
        now.compare(before, (key, ...values) => told.set(key, values))
        const differing = [...new Set([...was.keys(), ...model.keys()])]
          .filter(key => was.get(key) !== model.get(key))
          .map((key): [string, unknown] => [key, [was.get(key), model.get(key)]])
        expect(told).toEqual(new Map(differing))
      }),
    )
  })

  it('keeps keys apart whose hashes are the same', () => {
    const byHash = new Map<number, string>()
    let pair: [string, string] | undefined
    for (let index = 0; pair === undefined; index++) {
      const key = `k${index}`
      const other = byHash.get(hashKey(key))
      if (other !== undefined) pair = [other, key]
      byHash.set(hashKey(key), key)
    }
    const [a, b] = pair
    const both = table([
      [a, 1],
      [b, 2],
      ['c', 3],
    ])
    expect([both.get(a), both.get(b), both.size]).toEqual([1, 2, 3])
    const changed: string[] = []
    both.with(b, 5).compare(both, key => changed.push(key))
    expect(changed).toEqual([b])
    const less = both.without(a).without('absent')
    expect([less.get(a), less.get(b), less.size]).toEqual([undefined, 2, 2])
  })

  it('is the same object when nothing changes, and refuses what is no entry', () => {
    const some = table([['a', 1]])
    expect(some.with('a', 1)).toBe(some)
    expect(some.without('b')).toBe(some)
    const invalid = expect.objectContaining({ code: 'VALUE_INVALID' })
    expect(() => some.with(1 as unknown as string, 1)).toThrow(invalid)
    expect(() => table<unknown>().with('a', undefined)).toThrow(invalid)
  })
})

describe('a position', () => {
  it('is found between any two, and stays short at the ends', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 300 }), picks => {
        const places = [positionBetween(undefined, undefined)]
        for (const pick of picks) {
          const at = pick % (places.length + 1)
          places.splice(at, 0, positionBetween(places[at - 1], places[at]))
        }
        for (let index = 1; index < places.length; index++) {
          const [a, b] = [places[index - 1] ?? [], places[index] ?? []]
          expect(comparePlaces(a, b)).toBeLessThan(0)
        }
      }),
    )
    let last = positionBetween(undefined, undefined)
    for (let count = 0; count < 1000; count++) last = positionBetween(last, undefined)
    expect(last).toEqual([1000])
  })
})
