/** The judge of a fleet's history finds what is wrong in it, and nothing in one that is right. */
import { describe, expect, it } from 'vitest'
import type { WorkerRecord } from '../../../simulations/fleet/history.ts'
import { Judge } from '../../../simulations/fleet/judge.ts'

const document = 'room:fleet/latest'

const tally = 'room:fleet/tally'

/** Judges records of the processes a and b, in this order, as one round. */
function judge(...records: readonly (readonly [who: string, record: WorkerRecord])[]): string[] {
  const found = new Judge()
  for (const [at, [who, record]] of records.entries()) found.add({ who, at, record })
  found.endRound({})
  return found.violations
}

function wrote(writer: number, end: number, seen: [number, number][] = []): WorkerRecord {
  return { kind: 'wrote', document, key: 'k', writer, end, seen, label: `${writer}@${end}` }
}

function saw(known: [number, number][], ...stamps: [number, number][]): WorkerRecord {
  const siblings = stamps.map(([writer, timestamp]) => ({ writer, timestamp }))
  return { kind: 'saw', document, known, siblings: { k: siblings }, together: ['k'] }
}

describe('a history', () => {
  it('is right where siblings are those that causality says, in whatever order it is read', () => {
    const violations = judge(
      [
        'a',
        saw(
          [
            [1, 1],
            [2, 1],
          ],
          [1, 1],
          [2, 1],
        ),
      ],
      ['a', wrote(1, 1)],
      ['b', wrote(2, 1)],
      [
        'b',
        wrote(2, 2, [
          [1, 1],
          [2, 1],
        ]),
      ],
      [
        'b',
        saw(
          [
            [1, 1],
            [2, 2],
          ],
          [2, 2],
        ),
      ],
    )
    expect(violations).toEqual([])
  })

  it('is wrong where a conflict was not seen', () => {
    const violations = judge(
      ['a', wrote(1, 1)],
      ['b', wrote(2, 1)],
      [
        'a',
        saw(
          [
            [1, 1],
            [2, 1],
          ],
          [2, 1],
        ),
      ],
    )
    expect(violations).toEqual([expect.stringMatching(/^exact conflicts: /)])
  })

  it('is wrong where a restarted process lacks what was flushed to its disk', () => {
    const flushed = { kind: 'flushed', level: 'local', clocks: { [document]: [[1, 3]] } } as const
    const opened = { kind: 'opened', clocks: { [document]: [[1, 2]] } } as const
    expect(judge(['a', flushed], ['a', opened])).toEqual([
      expect.stringMatching(/^no acked write lost: a, after its start/),
    ])
    expect(judge(['a', flushed], ['b', opened])).toEqual([])
  })

  it('is wrong where a counter is not the sum of what was known', () => {
    const counted = {
      kind: 'counted',
      document: tally,
      key: 'n',
      writer: 1,
      end: 1,
      by: 4,
    } as const
    const summed = (value: number, clock: number): WorkerRecord => {
      return { kind: 'summed', document: tally, key: 'n', known: [[1, clock]], value }
    }
    expect(judge(['a', counted], ['b', summed(0, 0)], ['b', summed(4, 1)])).toEqual([])
    expect(judge(['a', counted], ['b', summed(4, 0)])).toHaveLength(1)
  })

  it('is right where what a killed process had done is gone in the rounds to come', () => {
    const found = new Judge()
    const add = (record: WorkerRecord) => found.add({ who: 'a', at: 1, record })
    const counted = { kind: 'counted', document: tally, key: 'n' } as const
    for (const writer of [1, 2]) {
      add(wrote(writer, 1))
      add({ ...counted, writer, end: 1, by: 1 })
    }
    found.endRound({ [document]: [[1, 1]], [tally]: [[1, 1]] })
    add(wrote(3, 1))
    add(
      saw(
        [
          [1, 1],
          [3, 1],
        ],
        [1, 1],
        [3, 1],
      ),
    )
    add({ ...counted, kind: 'summed', known: [[1, 1]], value: 1 })
    found.endRound({
      [document]: [
        [1, 1],
        [3, 1],
      ],
      [tally]: [[1, 1]],
    })
    expect(found.violations).toEqual([])
  })

  it('is wrong where more was spent than minted, or less booked than was spent', () => {
    const minting = { kind: 'minting', amount: 5 } as const
    const spent = { kind: 'spent', amount: 6 } as const
    const ledger = { kind: 'ledger', spent: 6 } as const
    expect(judge(['a', minting], ['b', spent], ['b', ledger])).toHaveLength(2)
    expect(judge(['a', minting], ['a', minting], ['b', spent], ['b', ledger])).toEqual([])
    expect(judge(['a', minting], ['a', minting], ['b', spent])).toHaveLength(1)
  })
})
