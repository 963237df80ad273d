/** Counters: everywhere the value is the sum of exactly the increments that are known there. */
import type * as Y from 'yjs'
import { definePartition } from '../../src/model/partition-definition.ts'
import { room } from '../../src/model/scope.ts'
import type { CounterPartition } from '../../src/partition/counter-partition.ts'
import { checkCounter, type Increment } from '../checkers/exact-counters.ts'
import { copyClocks, liveClocks } from '../oracle/document-clocks.ts'
import type { Player, Seat, Workload } from './workload.ts'

const definition = definePartition({ name: 'tally', policy: 'counter' })
const keys = ['visits', 'errors']

export const counters: Workload = {
  name: 'counters',
  plan() {
    const increments: Increment[] = []
    return {
      async join(seat: Seat): Promise<Player> {
        const { partition, doc } = await seat.open(room('sim'), definition)
        return new CounterPlayer(seat, partition, doc, increments)
      },
    }
  },
}

class CounterPlayer implements Player {
  readonly #seat: Seat
  readonly #partition: CounterPartition
  readonly #doc: Y.Doc
  readonly #increments: Increment[]

  constructor(seat: Seat, partition: CounterPartition, doc: Y.Doc, increments: Increment[]) {
    this.#seat = seat
    this.#partition = partition
    this.#doc = doc
    this.#increments = increments
  }

  act(): void {
    const { dice } = this.#seat
    const key = dice.pick(keys)
    const by = 1 + dice.below(5)
    const falls = dice.chance(0.3)
    const seen = copyClocks(this.#doc)
    if (falls) this.#partition.decrement(key, by)
    else this.#partition.increment(key, by)
    const writer = this.#doc.clientID
    const end = liveClocks(this.#doc).get(writer) ?? 0
    this.#increments.push({ key, writer, end, seen, label: '', by: falls ? -by : by })
  }

  look(): void {
    // Summing up every increment costs as much as many operations: now and then is enough.
    if (this.#seat.dice.chance(0.1)) this.#check()
  }

  view(): string {
    this.#check()
    return JSON.stringify(keys.map(key => this.#partition.value(key)))
  }

  #check(): void {
    const known = liveClocks(this.#doc)
    for (const key of keys) {
      checkCounter(this.#seat.name, this.#partition, key, { increments: this.#increments, known })
    }
  }
}
