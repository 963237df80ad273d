/** Migrations: replicas on three versions of one partition, which upgrade and migrate as they like. */
import type * as Y from 'yjs'
import {
  type MigratedPartition,
  openMigrated,
} from '../../src/history/migrations/migrated-partition.ts'
import {
  defineMigrations,
  storedPartition,
} from '../../src/history/migrations/migration-definition.ts'
import { definePartition } from '../../src/model/partition-definition.ts'
import { room } from '../../src/model/scope.ts'
import type { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { SeenReadings } from '../checkers/agreeing-migrations.ts'
import { checkConflicts, writeLabel } from '../checkers/exact-conflicts.ts'
import { CausalOracle } from '../oracle/causal-oracle.ts'
import { liveClocks } from '../oracle/document-clocks.ts'
import { recordWrites } from '../oracle/recorded-writes.ts'
import { allowing, allowingLater, machineCodes } from './refusals.ts'
import type { Player, Seat, Workload } from './workload.ts'

interface Tagged {
  readonly n: number
  readonly tag?: string
}

type Stored = number | Tagged
type Accounts = MigratedPartition<Stored>

const name = 'accounts'
const keys = ['ann', 'bob', 'eve']
const newest = 3

/** What a version that is behind, or a write that it could not read, is refused with. */
const refusals = ['SCHEMA_NEWER', 'MIGRATION_PENDING']

/** The declaration on one version; `back` is whether the last step can be read backwards. */
function accountsOf(version: number, back: boolean) {
  const steps = [
    { to: 2, up: (n: number): Tagged => ({ n }), down: ({ n }: Tagged) => n },
    {
      to: 3,
      up: ({ n }: Tagged): Tagged => ({ n, tag: `since ${n}` }),
      ...(back && { down: ({ n }: Tagged): Tagged => ({ n }) }),
    },
  ]
  return defineMigrations({
    of: definePartition<Stored, 'last-write-wins'>({ name, policy: 'last-write-wins', version }),
    steps: steps.slice(0, version - 1),
  })
}

/** What all players share. */
interface Shared {
  readonly back: boolean
  readonly oracle: CausalOracle
  readonly readings: SeenReadings
  /** Which version each replica is on: its program, which a restart does not change. */
  readonly versions: Map<string, number>
  fresh(): number
}

export const migrations: Workload = {
  name: 'migrations',
  plan(dice) {
    let last = 0
    const fresh = () => {
      last += 1
      return last
    }
    const shared: Shared = {
      back: dice.chance(0.5),
      oracle: new CausalOracle(),
      readings: new SeenReadings(),
      versions: new Map(),
      fresh,
    }
    return {
      async join(seat: Seat): Promise<Player> {
        const version = shared.versions.get(seat.name) ?? 1 + seat.dice.below(2)
        shared.versions.set(seat.name, version)
        const { partition, doc } = await seat.open(
          room('sim'),
          storedPartition(accountsOf(newest, shared.back)),
        )
        const accounts = await openMigrated(
          seat.watched,
          room('sim'),
          accountsOf(version, shared.back),
        )
        return new AccountsPlayer(seat, { stored: partition, doc }, shared, accounts)
      },
    }
  },
}

interface Underneath {
  readonly stored: RegisterPartition<unknown>
  readonly doc: Y.Doc
}

class AccountsPlayer implements Player {
  readonly #seat: Seat
  readonly #underneath: Underneath
  readonly #shared: Shared
  #accounts: Accounts

  constructor(seat: Seat, underneath: Underneath, shared: Shared, accounts: Accounts) {
    this.#seat = seat
    this.#underneath = underneath
    this.#shared = shared
    this.#accounts = accounts
  }

  act(): void | Promise<void> {
    const { dice, marks } = this.#seat
    const choice = dice.below(20)
    if (choice === 0) return this.#upgrade()
    if (choice > 1) return this.#write(dice.pick(keys))
    if (allowing(refusals, marks, () => void this.#accounts.migrate())) marks.hit('migrated')
  }

  look(): void {
    const key = this.#seat.dice.pick(keys)
    this.#checkConflicts(key)
    const labels = this.#underneath.stored.siblings(key).map(writeLabel).sort().join(' ')
    if (labels === '') return
    allowing(['SCHEMA_NEWER'], this.#seat.marks, () => {
      this.#shared.readings.check(this.#seat.name, `${key} ${labels}`, this.#read(key))
    })
  }

  /** Before all are on one version there is nothing that all read alike. */
  view(): string {
    for (const key of keys) this.#checkConflicts(key)
    if ([...this.#shared.versions.values()].some(version => version < newest)) return 'older'
    const { entries, active } = this.#accounts.status()
    return JSON.stringify([[...this.#accounts.entries()].sort(), active, entries])
  }

  /** The last ones upgrade. */
  async settle(): Promise<void> {
    while (this.#version < newest) await this.#upgrade()
  }

  get #version(): number {
    return this.#shared.versions.get(this.#seat.name) ?? 1
  }

  async #upgrade(): Promise<void> {
    const { name: machine, watched, marks } = this.#seat
    const next = Math.min(newest, this.#version + 1)
    await allowingLater(machineCodes, marks, async () => {
      const { back } = this.#shared
      const accounts: Accounts = await openMigrated(watched, room('sim'), accountsOf(next, back))
      this.#accounts.close()
      this.#accounts = accounts
      this.#shared.versions.set(machine, next)
    })
  }

  #write(key: string): void {
    const { dice, marks, name: where } = this.#seat
    const { stored: partition, doc } = this.#underneath
    const recorded = { where, partition, doc, oracle: this.#shared.oracle }
    allowing(refusals, marks, () =>
      recordWrites(recorded, () => {
        if (dice.chance(0.1)) return this.#accounts.delete(key) ? [key] : []
        const n = this.#shared.fresh()
        this.#accounts.set(key, [n, { n }, { n, tag: 'new' }][this.#version - 1] as Stored)
        return [key]
      }),
    )
  }

  #read(key: string): number | undefined {
    const value = this.#accounts.get(key)
    return typeof value === 'object' ? value.n : value
  }

  #checkConflicts(key: string): void {
    const { stored, doc } = this.#underneath
    const known = { oracle: this.#shared.oracle, known: liveClocks(doc) }
    checkConflicts(this.#seat.name, stored, key, known)
  }
}
