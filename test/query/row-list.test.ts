/** Whatever is put in and taken out, and whenever somebody reads, a list of rows is in order. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareRows, type IndexRow, rowOf } from '../../src/query/index-row.ts'
import { RowList } from '../../src/query/row-list.ts'

const first = fc.oneof(fc.integer({ min: 0, max: 30 }), fc.constantFrom('a', 'b', undefined))
/** Runs of changes, so that chunks fill, split and empty between two reads. */
const step = fc.record({
  firsts: fc.array(first, { maxLength: 200, size: 'max' }),
  removed: fc.array(fc.nat(), { maxLength: 200, size: 'max' }),
  read: fc.constantFrom('slice', 'rank', 'all', 'nothing'),
})

function check(list: RowList, rows: readonly IndexRow[], read: string): void {
  const ordered = rows.toSorted(compareRows)
  expect(list.length).toBe(rows.length)
  if (read === 'all') expect([...list]).toEqual(ordered)
  const middle = rows.length >> 1
  if (read === 'slice') {
    expect(list.slice(middle, middle + 50)).toEqual(ordered.slice(middle, middle + 50))
  }
  const row = rows[middle]
  if (read === 'rank' && row !== undefined) {
    expect(list.rank(other => compareRows(other, row))).toBe(ordered.indexOf(row))
    expect(list.rank(() => -1)).toBe(rows.length)
  }
}

describe('a list of rows', () => {
  it('is in order after any changes', () => {
    fc.assert(
      fc.property(
        fc.array(first, { maxLength: 600, size: 'max' }),
        fc.array(step),
        (begin, steps) => {
          let made = 0
          const make = (key: unknown) => {
            made += 1
            return rowOf([key as never], `k${made % 7}/${made}`)
          }
          const rows = begin.map(make)
          const list = new RowList(rows.toSorted(compareRows))
          for (const { firsts, removed, read } of steps) {
            for (const row of firsts.map(make)) {
              rows.push(row)
              list.insert(row)
            }
            for (const index of removed) {
              const [row] = rows.splice(index % Math.max(1, rows.length), 1)
              if (row !== undefined) list.remove(row)
            }
            check(list, rows, read)
          }
          check(list, rows, 'all')
        },
      ),
      { numRuns: 60 },
    )
  })

  it('takes out only what is in it, and takes it back', () => {
    const [a, b] = [rowOf([1], 'a'), rowOf([1], 'b')]
    const list = new RowList([a])
    list.remove(b)
    list.remove(a)
    list.remove(a)
    expect(list.length).toBe(0)
    list.insert(b)
    list.insert(a)
    expect([...list].map(({ key }) => key)).toEqual(['a', 'b'])
  })
})
