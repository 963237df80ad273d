/** The inbox: a few keys that all write, conflicts that some resolve, and some reopen. */
import type * as Y from 'yjs'
import { definePartition } from '../../src/model/partition-definition.ts'
import { room } from '../../src/model/scope.ts'
import { type Conflict, pick } from '../../src/partition/inbox/inbox.ts'
import type { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { checkConflicts } from '../checkers/exact-conflicts.ts'
import { checkInbox, ToldConflicts } from '../checkers/exact-inbox.ts'
import { Violation } from '../checkers/violation.ts'
import { CausalOracle } from '../oracle/causal-oracle.ts'
import { liveClocks } from '../oracle/document-clocks.ts'
import { recordWrites } from '../oracle/recorded-writes.ts'
import { allowing } from './refusals.ts'
import type { Player, Seat, Workload } from './workload.ts'

const definition = definePartition<number, 'manual'>({ name: 'inbox', policy: 'manual' })

interface Options {
  readonly keys: readonly string[]
  /** How often a player answers a conflict that it sees, rather than write. */
  readonly diligence: number
}

/** What all players share. */
interface Shared {
  readonly options: Options
  readonly oracle: CausalOracle
  fresh(): number
}

export const inbox: Workload = {
  name: 'inbox',
  plan(dice) {
    const keys = ['plan', 'owner', 'budget', 'date'].slice(0, 1 + dice.below(4))
    let last = 0
    const fresh = () => {
      last += 1
      return last
    }
    const options = { keys, diligence: dice.between(0.1, 0.9) }
    const shared: Shared = { options, oracle: new CausalOracle(), fresh }
    return {
      async join(seat: Seat): Promise<Player> {
        const { partition, doc } = await seat.open(room('sim'), definition)
        return new InboxPlayer(seat, partition as RegisterPartition, doc, shared)
      },
    }
  },
}

class InboxPlayer implements Player {
  readonly #seat: Seat
  readonly #partition: RegisterPartition
  readonly #doc: Y.Doc
  readonly #shared: Shared
  readonly #told = new ToldConflicts()
  #toldWrongly: unknown
  /** A conflict that was seen before, to be answered late. */
  #remembered: Conflict | undefined

  constructor(seat: Seat, partition: RegisterPartition, doc: Y.Doc, shared: Shared) {
    this.#seat = seat
    this.#partition = partition
    this.#doc = doc
    this.#shared = shared
    this.#told.start(partition)
    partition.onConflict(change => {
      try {
        this.#told.tell(change)
      } catch (thrown) {
        this.#toldWrongly ??= thrown
      }
    })
  }

  act(): void {
    const { dice } = this.#seat
    const conflicts = this.#partition.conflicts()
    if (conflicts.length === 0 || !dice.chance(this.#shared.options.diligence)) this.#write()
    else this.#answer(dice.pick(conflicts))
  }

  look(): void {
    if (this.#toldWrongly !== undefined) throw this.#toldWrongly
    checkInbox(this.#seat.name, this.#partition, this.#told)
  }

  view(): string {
    this.look()
    const known = { oracle: this.#shared.oracle, known: liveClocks(this.#doc) }
    for (const key of this.#shared.options.keys) {
      checkConflicts(this.#seat.name, this.#partition, key, known)
    }
    const open = this.#partition.conflicts().map(({ key, token }) => `${key}: ${token}`)
    const settled = this.#partition
      .resolutions()
      .map(({ key, timestamp, writer, status }) => `${key} ${timestamp}.${writer} ${status}`)
    return [...open, ...settled].join('\n')
  }

  #write(): void {
    const { options, fresh } = this.#shared
    const key = this.#seat.dice.pick(options.keys)
    const deletes = this.#seat.dice.chance(0.2)
    this.#record(() => {
      if (deletes) return this.#partition.delete(key) ? [key] : []
      this.#partition.set(key, fresh())
      return [key]
    })
  }

  #answer(now: Conflict): void {
    const { dice, marks, name } = this.#seat
    if (dice.chance(0.2)) this.#remembered = now
    const seen = dice.chance(0.3) ? (this.#remembered ?? now) : now
    const open = this.#partition.conflicts().find(({ key }) => key === seen.key)
    const answer = dice.chance(0.5) ? pick(dice.pick(seen.siblings)) : this.#shared.fresh()
    const done = allowing(['CONFLICT_CHANGED'], marks, () => {
      this.#record(() => {
        this.#partition.resolve(seen.key, answer, { seen: seen.token })
        return [seen.key]
      })
    })
    if (now.reopened.length > 0) marks.hit('a resolution was reopened')
    if (done) marks.hit('conflict resolved')
    if (done === (open?.token === seen.token)) return
    const what = done ? 'takes an answer to what has changed' : 'refuses an answer to what stands'
    throw new Violation('exact inbox', `${name}, key "${seen.key}": ${what}`)
  }

  #record(write: () => readonly string[]): void {
    const { oracle } = this.#shared
    const recorded = { where: this.#seat.name, partition: this.#partition, doc: this.#doc, oracle }
    recordWrites(recorded, write)
  }
}
