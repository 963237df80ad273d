import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { type RandomSource, seededRandom } from '../../src/base/random.ts'
import { comparePositions } from '../../src/partition/log/log-entry.ts'
import type { LogArrival, LogEntry, LogPartition } from '../../src/partition/log/log-partition.ts'
import { manualTime } from '../support/manual-time.ts'
import { testSeed } from '../support/seed.ts'
import { type LogReplica, openLog } from './log-model.ts'
import { testHost } from './replica-model.ts'

const actors = ['ann', 'bob', 'cyd']

/** Replicas that append, delete what is not theirs, crash, and get updates in any order. */
class LogRun {
  readonly replicas: LogReplica[] = []
  readonly updates: Uint8Array[] = []
  readonly appended: unknown[] = []
  /** What listeners were told, by what was last when they began to listen. */
  readonly arrivals: { last: LogEntry<unknown> | undefined; batches: LogArrival<unknown>[][] }[] =
    []
  readonly #random: RandomSource
  /** Whether anybody deletes entries. */
  readonly #hostile: boolean
  #writers = 0
  deletions = 0

  constructor(random: RandomSource, hostile: boolean) {
    this.#random = random
    this.#hostile = hostile
    for (const actor of actors) this.replicas.push(this.#open(actor, new Y.Doc()))
  }

  below(limit: number): number {
    return this.#random.uint32() % limit
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item
  }

  step(): void {
    const at = this.below(actors.length)
    const { host, log } = this.replicas[at] as LogReplica
    const kind = this.below(20)
    if (kind < 6) {
      const values = Array.from({ length: 1 + this.below(4) }, (_, at) => this.appended.length + at)
      this.appended.push(...values)
      log.appendAll(values)
    } else if (kind < 8) {
      host.time.advance(this.below(50))
    } else if (kind === 8) {
      if (this.#hostile) this.#delete(host.doc)
    } else if (kind === 9) {
      // An unclean stop: the same content, another client.
      const doc = new Y.Doc()
      Y.applyUpdate(doc, Y.encodeStateAsUpdate(host.doc))
      this.replicas[at] = this.#open(host.actor, doc)
    } else if (this.updates.length > 0) {
      Y.applyUpdate(host.doc, this.pick(this.updates))
    }
  }

  deliverAll(): void {
    for (const { host } of this.replicas) {
      const order = this.updates.map(update => ({ update, at: this.#random.uint32() }))
      for (const { update } of order.sort((a, b) => a.at - b.at)) Y.applyUpdate(host.doc, update)
    }
  }

  #delete(doc: Y.Doc): void {
    const lanes = [...doc.share.keys()].filter(root => root.startsWith('lane:'))
    if (lanes.length === 0) return
    const lane = doc.getArray(this.pick(lanes))
    if (lane.length === 0) return
    lane.delete(this.below(lane.length), 1)
    this.deletions += 1
  }

  #open(actor: string, doc: Y.Doc): LogReplica {
    this.#writers += 1
    const time = manualTime(Date.UTC(2026, 0, 1) + this.below(100))
    const replica = openLog(testHost({ actor, writer: this.#writers, doc, time }))
    doc.on('update', (update: Uint8Array, _: unknown, __: Y.Doc, { local }: Y.Transaction) => {
      if (local) this.updates.push(update)
    })
    const batches: LogArrival<unknown>[][] = []
    const [last] = replica.log.entries({ reverse: true, limit: 1 })
    this.arrivals.push({ last, batches })
    replica.log.subscribe(batch => batches.push([...batch]))
    return replica
  }
}

function problemsOf(log: LogPartition<unknown>): unknown[][] {
  return log
    .verify()
    .problems.map(({ error, writer, seq }) => [error.code, error.message, writer, seq])
}

function checkLateness({ last: first, batches }: LogRun['arrivals'][number]): void {
  let last = first
  for (const batch of batches) {
    for (const { entry, late } of batch) {
      expect(late).toBe(last !== undefined && comparePositions(entry, last) < 0)
    }
    for (const { entry } of batch) {
      if (last === undefined || comparePositions(entry, last) > 0) last = entry
    }
  }
}

describe('a log on several replicas', () => {
  it('reads the same everywhere, in whatever order and however often updates come', () => {
    const random = seededRandom(testSeed())
    for (let round = 0; round < 60; round++) {
      const run = new LogRun(random, true)
      for (let step = 0; step < 80; step++) run.step()
      run.deliverAll()
      const [first, ...others] = run.replicas as [LogReplica, ...LogReplica[]]
      const entries = [...first.log]
      const problems = problemsOf(first.log)
      for (const { log, host } of others) {
        expect([...log]).toEqual(entries)
        expect(problemsOf(log)).toEqual(problems)
        const afresh = openLog(testHost({ doc: host.doc }))
        expect([...afresh.log]).toEqual(entries)
        expect(problemsOf(afresh.log)).toEqual(problems)
      }
      expect(entries).toEqual([...entries].sort(comparePositions))
      expect(problems.every(problem => problem[0] === 'LOG_GAP')).toBe(true)
      // Nothing is lost but what was deleted.
      const read = new Set(entries.map(({ value }) => value))
      const missing = run.appended.filter(value => !read.has(value))
      expect(missing.length).toBeLessThanOrEqual(run.deletions)
      expect(read.size).toBe(run.appended.length - missing.length)
      for (const { log } of run.replicas) expect(log.length).toBe(entries.length)
    }
  })

  it('keeps what two replicas have both seen in one order, and tells late arrivals', () => {
    const random = seededRandom(testSeed())
    for (let round = 0; round < 40; round++) {
      const run = new LogRun(random, false)
      for (let step = 0; step < 80; step++) {
        run.step()
        const [a, b] = run.replicas.map(({ log }) => [...log]) as [LogEntries, LogEntries]
        const names = new Set(b.map(nameOf))
        const both = a.filter(entry => names.has(nameOf(entry)))
        const shared = new Set(both.map(nameOf))
        expect(b.filter(entry => shared.has(nameOf(entry)))).toEqual(both)
      }
      run.deliverAll()
      for (const arrivals of run.arrivals) checkLateness(arrivals)
    }
  })
})

type LogEntries = LogEntry<unknown>[]

function nameOf({ writer, seq }: { writer: number; seq: number }): string {
  return `${writer}:${seq}`
}
