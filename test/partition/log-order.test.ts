import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { comparePositions, type LogRecord } from '../../src/partition/log/log-entry.ts'
import { LogOrder } from '../../src/partition/log/log-order.ts'
import { testSeed } from '../support/seed.ts'

describe('the order of a log', () => {
  it('is that of a sorted list, whatever is added and taken out', () => {
    const random = seededRandom(testSeed())
    const below = (limit: number) => random.uint32() % limit
    const order = new LogOrder()
    const model: LogRecord[] = []
    for (let step = 0; step < 6000; step++) {
      if (model.length > 0 && below(5) === 0) {
        const [record] = model.splice(below(model.length), 1)
        order.remove(record as LogRecord)
      } else {
        // Mostly at the end; else anywhere, with ties.
        const timestamp = below(3) === 0 ? below(3000) : 3000 + step
        const record = { timestamp, actor: `a${below(3)}`, writer: below(3), seq: step }
        order.insert(record as LogRecord)
        model.push(record as LogRecord)
      }
    }
    model.sort(comparePositions)
    const everything = { after: undefined, limit: Number.POSITIVE_INFINITY }
    expect(order.length).toBe(model.length)
    expect(order.last).toBe(model.at(-1))
    expect(order.page({ ...everything, reverse: false })).toEqual(model)
    expect(order.page({ ...everything, reverse: true })).toEqual([...model].reverse())
    for (let probe = 0; probe < 200; probe++) {
      const at = below(model.length)
      const after = model[at] as LogRecord
      const forward = order.page({ after, limit: 600, reverse: false })
      expect(forward).toEqual(model.slice(at + 1, at + 601))
      const backward = order.page({ after, limit: 600, reverse: true })
      expect(backward).toEqual(model.slice(Math.max(0, at - 600), at).reverse())
    }
  })

  it('gives up every record it was given', () => {
    const order = new LogOrder()
    const records = Array.from({ length: 1500 }, (_, seq) => {
      return { timestamp: seq, actor: 'a', writer: 1, seq } as LogRecord
    })
    for (const record of records) order.insert(record)
    for (const record of records) order.remove(record)
    expect(order.length).toBe(0)
    expect(order.last).toBeUndefined()
    expect(order.page({ after: records[3], limit: 9, reverse: false })).toEqual([])
    expect(order.page({ after: records[3], limit: 9, reverse: true })).toEqual([])
  })
})
