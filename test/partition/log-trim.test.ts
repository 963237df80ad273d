/** Logs whose beginning is taken away. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { manualTime } from '../support/manual-time.ts'
import { codes, logReplica, openLog, values } from './log-model.ts'
import { pull, syncAll, testHost } from './replica-model.ts'

describe('trimming a log', () => {
  it('takes what is old away on every replica, and the chain goes on', () => {
    const time = manualTime()
    const [ann, bob] = [logReplica({ writer: 1, time }), logReplica({ writer: 2, time })]
    ann.log.appendAll([1, 2])
    bob.log.append(3)
    syncAll([ann.host, bob.host])
    time.advance(10)
    const between = time.now()
    time.advance(10)
    bob.log.append(4)
    syncAll([ann.host, bob.host])
    const old = ann.log.trimmable(between)
    expect(old.map(({ value }) => value).sort()).toEqual([1, 2, 3])
    expect(ann.log.trim(old)).toBe(3)
    expect(ann.log.trim(old)).toBe(0)
    ann.log.append(5)
    pull(ann.host, bob.host)
    bob.log.append(6)
    pull(bob.host, ann.host)
    for (const { host, log } of [ann, bob]) {
      expect(values(log)).toEqual([4, 5, 6])
      expect(log.verify().problems).toEqual([])
      expect(host.reported).toEqual([])
      const again = testHost({ doc: copyOf(host.doc), time })
      expect(openLog(again).log.verify()).toEqual({ lanes: 2, entries: 3, problems: [] })
      expect(again.reported).toEqual([])
    }
    expect(ann.log.get({ writer: 1, seq: 2 })?.value).toBe(5)
  })

  it('keeps the chain of a lane of which nothing is left', () => {
    const { host, log } = logReplica({ writer: 1 })
    log.appendAll([1, 2, 3])
    log.trim(log.entries())
    expect(log.length).toBe(0)
    log.append(4)
    const again = openLog(testHost({ doc: copyOf(host.doc) })).log
    expect(values(again)).toEqual([4])
    expect(again.verify().problems).toEqual([])
  })

  it('leaves what the trimmer had not seen, and what stands behind a gap in what is given', () => {
    const [ann, bob] = [logReplica({ writer: 1 }), logReplica({ writer: 2 })]
    ann.log.appendAll([1, 2, 3])
    pull(ann.host, bob.host)
    ann.log.append(4)
    bob.log.append(9)
    const given = [...bob.log.entries()].filter(({ value }) => value !== 2)
    expect(bob.log.trim(given)).toBe(2)
    syncAll([ann.host, bob.host])
    expect(values(ann.log)).toEqual([2, 3, 4])
    expect(ann.log.verify().problems).toEqual([])
  })

  it('still finds what was deleted without being trimmed, and links that were forged', () => {
    const [ann, eve] = [logReplica({ writer: 1 }), testHost({ writer: 9 })]
    ann.log.appendAll([1, 2, 3, 4, 5])
    ann.log.trim([...ann.log.entries()].slice(0, 2))
    pull(ann.host, eve)
    eve.doc.getArray('lane:1').delete(0, 1)
    pull(eve, ann.host)
    expect(codes(ann.log)).toEqual(['LOG_GAP'])
    expect(ann.log.verify().problems[0]?.seq).toBe(2)
    const again = openLog(testHost({ doc: copyOf(ann.host.doc) })).log
    expect(codes(again)).toEqual(['LOG_GAP'])
    eve.doc.getMap('trims').set('x', [[1, 3, new Uint8Array(32)], 7, [1, 'x', null]])
    const forged = openLog(testHost({ doc: copyOf(eve.doc) })).log
    expect(codes(forged)).toContain('LOG_FORK')
  })

  it('is the same on all replicas, whoever trims and appends at once', () => {
    const at = fc.nat(2)
    const step = fc.oneof(
      fc.record({
        does: fc.constant('append' as const),
        at,
        count: fc.integer({ min: 1, max: 3 }),
      }),
      fc.record({ does: fc.constant('trim' as const), at, count: fc.nat(5) }),
      fc.record({ does: fc.constant('pull' as const), at, from: at }),
    )
    let trimmed = 0
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 30, size: 'max' }), steps => {
        const all = [1, 2, 3].map(writer => logReplica({ writer, actor: `actor ${writer}` }))
        const gone = new Set<unknown>()
        const appended: string[] = []
        steps.forEach((step, number) => {
          const { host, log } = all[step.at] as (typeof all)[number]
          if (step.does === 'append') {
            const entries = Array.from({ length: step.count }, (_, index) => `${number}.${index}`)
            appended.push(...entries)
            log.appendAll(entries)
          } else if (step.does === 'pull') pull((all[step.from] as (typeof all)[number]).host, host)
          else {
            const old = [...log.entries({ limit: step.count })]
            for (const { value } of old) gone.add(value)
            trimmed += log.trim(old)
          }
        })
        syncAll(all.map(({ host }) => host))
        const [first] = all
        for (const { host, log } of all) {
          expect([...values(log)].sort()).toEqual(appended.filter(of => !gone.has(of)).sort())
          expect(values(log)).toEqual(first && values(first.log))
          expect(log.verify().problems).toEqual([])
          expect(host.reported).toEqual([])
          expect(openLog(testHost({ doc: copyOf(host.doc) })).log.verify().problems).toEqual([])
        }
      }),
      { numRuns: 150 },
    )
    expect(trimmed).toBeGreaterThan(100)
  })
})

function copyOf(doc: Y.Doc): Y.Doc {
  const copy = new Y.Doc()
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
  return copy
}
