/** Native Yjs types: people who type in one text, a map and a list that all change at once. */
import { documentName } from '../../src/model/document-name.ts'
import { definePartition } from '../../src/model/partition-definition.ts'
import { room } from '../../src/model/scope.ts'
import type { CrdtPartition } from '../../src/partition/crdt-partition.ts'
import type { Dice } from '../world/dice.ts'
import type { Player, Seat, Workload } from './workload.ts'

const definition = definePartition({ name: 'notes', policy: 'crdt' })

/** The name of its document, which stock clients write too. */
export const nativeDocument: string = documentName(room('sim'), definition.name)

/** Longer texts are cut, so that long runs do not measure the length of a text. */
const textLengthMax = 2000

export const native: Workload = {
  name: 'native',
  plan: () => ({
    async join(seat: Seat): Promise<Player> {
      const { partition } = await seat.open(room('sim'), definition)
      return new NativePlayer(partition, seat.dice)
    },
  }),
}

class NativePlayer implements Player {
  readonly #partition: CrdtPartition
  readonly #dice: Dice

  constructor(partition: CrdtPartition, dice: Dice) {
    this.#partition = partition
    this.#dice = dice
  }

  act(): void {
    const choice = this.#dice.below(10)
    if (choice < 5) this.#type()
    else if (choice < 7) this.#partition.map('map').set(`k${this.#dice.below(5)}`, choice)
    else if (choice < 8) this.#partition.map('map').delete(`k${this.#dice.below(5)}`)
    else this.#list()
  }

  look(): void {
    // Native types have no oracle: that all converge on one view is their promise.
  }

  view(): string {
    const map = [...this.#partition.map('map').entries()].sort(([a], [b]) => (a < b ? -1 : 1))
    const list = this.#partition.array('list').toJSON()
    return JSON.stringify([this.#partition.text('text').toString(), map, list])
  }

  #type(): void {
    const text = this.#partition.text('text')
    const at = this.#dice.below(text.length + 1)
    if (this.#dice.chance(0.3) || text.length > textLengthMax) {
      text.delete(at, Math.min(text.length - at, 1 + this.#dice.below(20)))
    } else {
      text.insert(at, 'abcdefghij'.slice(0, 1 + this.#dice.below(9)))
    }
  }

  #list(): void {
    const list = this.#partition.array<number>('list')
    this.#partition.transact(() => {
      list.insert(this.#dice.below(list.length + 1), [this.#dice.below(100)])
      if (list.length > 50) list.delete(0, 10)
    })
  }
}
