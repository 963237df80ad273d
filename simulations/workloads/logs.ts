/** Logs: entries that are appended one by one and several at once. */
import type * as Y from 'yjs'
import { definePartition } from '../../src/model/partition-definition.ts'
import { room } from '../../src/model/scope.ts'
import type { LogPartition } from '../../src/partition/log/log-partition.ts'
import { type Append, checkLog } from '../checkers/exact-logs.ts'
import { liveClocks } from '../oracle/document-clocks.ts'
import type { Player, Seat, Workload } from './workload.ts'

const definition = definePartition<number, 'log'>({ name: 'events', policy: 'log' })

/** What is appended by all replicas; every value is another. */
class Appends {
  readonly all: Append[] = []
  #last = 0

  fresh(count: number): number[] {
    return Array.from({ length: count }, () => {
      this.#last += 1
      return this.#last
    })
  }
}

export const logs: Workload = {
  name: 'logs',
  plan() {
    const appends = new Appends()
    return {
      async join(seat: Seat): Promise<Player> {
        const { partition, doc } = await seat.open(room('sim'), definition)
        return new LogPlayer(seat, partition, doc, appends)
      },
    }
  },
}

class LogPlayer implements Player {
  readonly #seat: Seat
  readonly #log: LogPartition<number>
  readonly #doc: Y.Doc
  readonly #appends: Appends

  constructor(seat: Seat, log: LogPartition<number>, doc: Y.Doc, appends: Appends) {
    this.#seat = seat
    this.#log = log
    this.#doc = doc
    this.#appends = appends
  }

  act(): void {
    const values = this.#appends.fresh(1 + this.#seat.dice.below(3))
    this.#log.appendAll(values)
    const writer = this.#doc.clientID
    const end = liveClocks(this.#doc).get(writer) ?? 0
    this.#appends.all.push({ writer, end, values })
  }

  look(): void {
    // It reads the whole log: now and then is enough.
    if (this.#seat.dice.chance(0.05)) this.#check()
  }

  view(): string {
    this.#check()
    return [...this.#log.entries()].map(({ value }) => value).join(' ')
  }

  #check(): void {
    const clues = { appends: this.#appends.all, known: liveClocks(this.#doc) }
    checkLog(this.#seat.name, this.#log as LogPartition, clues)
  }
}
