/** Registers under every policy: single writes, deletions, resolutions and transactions. */
import type * as Y from 'yjs'
import { definePartition } from '../../src/model/partition-definition.ts'
import { room } from '../../src/model/scope.ts'
import { canonicalText } from '../../src/model/value.ts'
import type { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { checkAtomicity } from '../checkers/atomicity.ts'
import { checkConflicts, writeLabel } from '../checkers/exact-conflicts.ts'
import { Violation } from '../checkers/violation.ts'
import { CausalOracle } from '../oracle/causal-oracle.ts'
import { liveClocks } from '../oracle/document-clocks.ts'
import { recordWrites } from '../oracle/recorded-writes.ts'
import type { Dice } from '../world/dice.ts'
import type { Player, Seat, Workload, WorkloadRun } from './workload.ts'

interface Note {
  readonly n: number
  readonly by: string[]
}

const definitions = [
  definePartition({ name: 'latest', policy: 'last-write-wins' }),
  definePartition<Note, 'merge'>({
    name: 'merged',
    policy: 'merge',
    merge: { n: 'max', by: 'union' },
  }),
  definePartition({ name: 'asked', policy: 'manual' }),
  definePartition({ name: 'counted', policy: siblings => siblings.length }),
]

/** Keys that are only ever written in one transaction. */
const together = ['pair/a', 'pair/b', 'pair/c']

interface Options {
  readonly keys: readonly string[]
  readonly deletions: number
  readonly transactions: number
}

export const registers: Workload = {
  name: 'registers',
  plan(dice) {
    const definition = dice.pick(definitions)
    const options = {
      keys: Array.from({ length: 1 + dice.below(12) }, (_, n) => `key-${n}`),
      deletions: dice.between(0, 0.3),
      transactions: dice.between(0, 0.4),
    }
    return new RegistersRun(definition, options)
  },
}

class RegistersRun implements WorkloadRun {
  readonly #definition: (typeof definitions)[number]
  readonly #options: Options
  readonly #oracle = new CausalOracle()
  #written = 0

  constructor(definition: (typeof definitions)[number], options: Options) {
    this.#definition = definition
    this.#options = options
  }

  async join(seat: Seat): Promise<Player> {
    const opened = await seat.open(room('sim'), this.#definition)
    return new RegistersPlayer(seat, this.#options, this.#oracle, {
      partition: opened.partition as RegisterPartition,
      doc: opened.doc,
      readsAlike: this.#definition.policy !== 'manual',
      fresh: () => {
        this.#written += 1
        return this.#written
      },
    })
  }
}

interface Table {
  readonly partition: RegisterPartition
  readonly doc: Y.Doc
  /** Whether everybody reads the same where there are siblings. */
  readonly readsAlike: boolean
  /** A number that no write has had. */
  fresh(): number
}

class RegistersPlayer implements Player {
  readonly #seat: Seat
  readonly #dice: Dice
  readonly #options: Options
  readonly #oracle: CausalOracle
  readonly #table: Table

  constructor(seat: Seat, options: Options, oracle: CausalOracle, table: Table) {
    this.#seat = seat
    this.#dice = seat.dice
    this.#options = options
    this.#oracle = oracle
    this.#table = table
  }

  act(): void {
    if (this.#dice.chance(this.#options.transactions)) this.#write(together)
    else this.#write([this.#dice.pick(this.#options.keys)])
  }

  look(): void {
    const { partition, doc } = this.#table
    const key = this.#dice.chance(0.2)
      ? this.#dice.pick(together)
      : this.#dice.pick(this.#options.keys)
    const known = { oracle: this.#oracle, known: liveClocks(doc) }
    checkConflicts(this.#seat.name, partition, key, known)
    if (partition.siblings(key).length > 1) this.#seat.marks.hit('conflict seen')
    checkAtomicity(this.#seat.name, partition, together)
    const [problem] = partition.problems()
    if (problem !== undefined && problem.error.code !== 'CLOCK_DRIFT') {
      throw new Violation('no foreign content', `${this.#seat.name}: ${problem.error.message}`)
    }
  }

  view(): string {
    const { partition, readsAlike } = this.#table
    for (const key of this.#oracle.keys()) {
      const known = { oracle: this.#oracle, known: liveClocks(this.#table.doc) }
      checkConflicts(this.#seat.name, partition, key, known)
    }
    const keys = [...this.#oracle.keys()].sort()
    return keys
      .map(key => {
        const read = readsAlike ? canonicalText(partition.get(key) ?? null) : ''
        return `${key}=${partition.siblings(key).map(writeLabel).join('|')}:${read}`
      })
      .join(' ')
  }

  #write(keys: readonly string[]): void {
    const { partition, doc, fresh } = this.#table
    const deletes = this.#dice.chance(this.#options.deletions)
    const recorded = { where: this.#seat.name, partition, doc, oracle: this.#oracle }
    recordWrites(recorded, () =>
      partition.transact(() =>
        keys.filter(key => {
          if (deletes) return partition.delete(key)
          partition.set(key, { n: fresh(), by: [this.#seat.name] })
          return true
        }),
      ),
    )
  }
}
