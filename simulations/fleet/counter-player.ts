/** Counts up and down, and records by how much, and what the sum is. */
import type * as Y from 'yjs'
import { definePartition } from '../../src/model/partition-definition.ts'
import { room } from '../../src/model/scope.ts'
import type { CounterPartition } from '../../src/partition/counter-partition.ts'
import { copyClocks } from '../oracle/document-clocks.ts'
import type { Player } from '../workloads/workload.ts'
import { listClocks } from './history.ts'
import type { FleetSeat } from './worker-seat.ts'

const definition = definePartition({ name: 'tally', policy: 'counter' })
const scope = room('fleet')
const document = `${scope}/${definition.name}`
const keys = ['visits', 'errors']

export async function counterPlayer(seat: FleetSeat): Promise<Player> {
  const { partition, doc } = await seat.open(scope, definition)
  return new CounterPlayer(seat, partition, doc)
}

class CounterPlayer implements Player {
  readonly #seat: FleetSeat
  readonly #partition: CounterPartition
  readonly #doc: Y.Doc

  constructor(seat: FleetSeat, partition: CounterPartition, doc: Y.Doc) {
    this.#seat = seat
    this.#partition = partition
    this.#doc = doc
  }

  act(): void {
    const { dice, record } = this.#seat
    const [key, amount] = [dice.pick(keys), 1 + dice.below(5)]
    const falls = dice.chance(0.3)
    if (falls) this.#partition.decrement(key, amount)
    else this.#partition.increment(key, amount)
    const writer = this.#doc.clientID
    const end = copyClocks(this.#doc).get(writer) ?? 0
    record({ kind: 'counted', document, key, writer, end, by: falls ? -amount : amount })
  }

  look(): void {
    if (this.#seat.dice.chance(0.2)) this.#see()
  }

  view(): string {
    this.#see()
    return keys.map(key => this.#partition.value(key)).join(' ')
  }

  #see(): void {
    const known = listClocks(copyClocks(this.#doc))
    for (const key of keys) {
      this.#seat.record({ kind: 'summed', document, key, known, value: this.#partition.value(key) })
    }
  }
}
