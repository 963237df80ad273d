/** Writes registers, alone and several in one transaction, and records what stands side by side. */
import type * as Y from 'yjs'
import { definePartition } from '../../src/model/partition-definition.ts'
import { room } from '../../src/model/scope.ts'
import { canonicalText } from '../../src/model/value.ts'
import type { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { writeLabel } from '../checkers/exact-conflicts.ts'
import { copyClocks } from '../oracle/document-clocks.ts'
import type { Player } from '../workloads/workload.ts'
import { listClocks } from './history.ts'
import type { FleetSeat } from './worker-seat.ts'

interface Note {
  readonly n: number
  readonly by: string[]
}

const scope = room('fleet')
const definitions = [
  definePartition({ name: 'latest', policy: 'last-write-wins' }),
  definePartition<Note, 'merge'>({
    name: 'merged',
    policy: 'merge',
    merge: { n: 'max', by: 'union' },
  }),
  definePartition({ name: 'asked', policy: 'manual' }),
]

const single = Array.from({ length: 8 }, (_, n) => `key-${n}`)
/** Keys that are only ever written in one transaction. */
const together = ['pair/a', 'pair/b', 'pair/c']
const keys = [...single, ...together]

/** One for each policy. */
export async function registerPlayers(seat: FleetSeat): Promise<Player[]> {
  const players: Player[] = []
  for (const definition of definitions) {
    const { partition, doc } = await seat.open(scope, definition)
    const readsAlike = definition.policy !== 'manual'
    const document = `${scope}/${definition.name}`
    players.push(
      new RegisterPlayer(seat, document, {
        partition: partition as RegisterPartition,
        doc,
        readsAlike,
      }),
    )
  }
  return players
}

interface Table {
  readonly partition: RegisterPartition
  readonly doc: Y.Doc
  /** Whether everybody reads the same where there are siblings. */
  readonly readsAlike: boolean
}

class RegisterPlayer implements Player {
  readonly #seat: FleetSeat
  readonly #document: string
  readonly #table: Table

  constructor(seat: FleetSeat, document: string, table: Table) {
    this.#seat = seat
    this.#document = document
    this.#table = table
  }

  act(): void {
    const { dice } = this.#seat
    this.#write(dice.chance(0.2) ? together : [dice.pick(single)])
  }

  look(): void {
    const { dice } = this.#seat
    if (dice.chance(0.2)) this.#see([dice.pick(single), ...together])
  }

  view(): string {
    this.#see(keys)
    const { partition, readsAlike } = this.#table
    return keys
      .map(key => {
        const read = readsAlike ? canonicalText(partition.get(key) ?? null) : ''
        return `${key}=${partition.siblings(key).map(writeLabel).join('|')}:${read}`
      })
      .join(' ')
  }

  #see(seen: readonly string[]): void {
    const { partition, doc } = this.#table
    const siblings = seen.map(key => {
      const stamps = partition.siblings(key).map(({ writer, timestamp }) => ({ writer, timestamp }))
      return [key, stamps] as const
    })
    this.#seat.record({
      kind: 'saw',
      document: this.#document,
      known: listClocks(copyClocks(doc)),
      siblings: Object.fromEntries(siblings),
      together,
    })
  }

  #write(wanted: readonly string[]): void {
    const { name, dice, record } = this.#seat
    const { partition, doc } = this.#table
    const deletes = dice.chance(0.15)
    const seen = listClocks(copyClocks(doc))
    const written = partition.transact(() =>
      wanted.filter(key => {
        if (deletes) return partition.delete(key)
        partition.set(key, { n: dice.below(1000), by: [name] })
        return true
      }),
    )
    const writer = doc.clientID
    const end = copyClocks(doc).get(writer) ?? 0
    for (const key of written) {
      const [own] = partition.siblings(key)
      if (own === undefined) {
        record({ kind: 'broken', message: `exact conflicts: ${name} does not see its own write` })
        continue
      }
      const document = this.#document
      record({ kind: 'wrote', document, key, writer, end, seen, label: writeLabel(own) })
    }
  }
}
