/** Histories: versions, rollbacks and undos on all replicas, while others write. */
import type * as Y from 'yjs'
import { defineHistory } from '../../src/history/history-definition.ts'
import { type History, type Moment, openHistory } from '../../src/history/versions/history.ts'
import { definePartition } from '../../src/model/partition-definition.ts'
import { room } from '../../src/model/scope.ts'
import type { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { checkConflicts } from '../checkers/exact-conflicts.ts'
import { checkReversal } from '../checkers/kept-writes.ts'
import { Violation } from '../checkers/violation.ts'
import { CausalOracle } from '../oracle/causal-oracle.ts'
import { liveClocks } from '../oracle/document-clocks.ts'
import { recordWrites } from '../oracle/recorded-writes.ts'
import { allowing } from './refusals.ts'
import type { Player, Seat, Workload } from './workload.ts'

const Pages = definePartition<number, 'last-write-wins'>({
  name: 'pages',
  policy: 'last-write-wins',
})
const PagesHistory = defineHistory({ of: Pages, versionsMax: 3, automaticChanges: 15 })
const keys = ['home', 'about', 'help', 'terms']

/** A version that was dropped, or a time before there was anything. */
const refusals = ['VERSION_UNKNOWN', 'HISTORY_TRIMMED']

/** What all players share. */
interface Shared {
  readonly oracle: CausalOracle
  fresh(): number
}

export const history: Workload = {
  name: 'history',
  weight: 0.35,
  plan() {
    let last = 0
    const fresh = () => {
      last += 1
      return last
    }
    const shared: Shared = { oracle: new CausalOracle(), fresh }
    return {
      async join(seat: Seat): Promise<Player> {
        const { partition, doc } = await seat.open(room('sim'), Pages)
        const { time, random } = seat
        const opened = await openHistory(seat.watched, room('sim'), PagesHistory, { time, random })
        return new HistoryPlayer(seat, { pages: partition, doc, history: opened }, shared)
      },
    }
  },
}

interface Opened {
  readonly pages: RegisterPartition<number>
  readonly doc: Y.Doc
  readonly history: History<number>
}

class HistoryPlayer implements Player {
  readonly #seat: Seat
  readonly #opened: Opened
  readonly #shared: Shared

  constructor(seat: Seat, opened: Opened, shared: Shared) {
    this.#seat = seat
    this.#opened = opened
    this.#shared = shared
  }

  act(): void {
    const { dice } = this.#seat
    const choice = dice.below(20)
    if (choice === 0) this.#opened.history.snapshot(`version ${this.#shared.fresh()}`)
    else if (choice === 1) this.#rollBack()
    else if (choice === 2) this.#undo()
    else this.#write(dice.pick(keys))
  }

  look(): void {
    this.#checkConflicts(this.#seat.dice.pick(keys))
  }

  view(): string {
    const { history, doc } = this.#opened
    for (const key of keys) this.#checkConflicts(key)
    const unharmed = this.#seat.losses.size === 0
    const complete = unharmed && history.audit.verify().problems.length === 0
    const reversals = history.reversals()
    for (const reversal of complete ? reversals : []) {
      const clues = { oracle: this.#shared.oracle, known: liveClocks(doc) }
      checkReversal(this.#seat.name, reversal, clues)
    }
    this.#seat.marks.hit(complete ? 'audit trail complete' : 'audit trail with holes')
    const versions = history.versions().map(({ id, digest }) => `${id} ${digest}`)
    return [
      ...versions,
      ...reversals.map(({ id, concurrent }) => `${id} ${concurrent.length}`),
    ].join('\n')
  }

  leave(): void {
    this.#opened.history.close()
  }

  #write(key: string): void {
    const { pages } = this.#opened
    this.#record(() => {
      if (this.#seat.dice.chance(0.15)) return pages.delete(key) ? [key] : []
      pages.set(key, this.#shared.fresh())
      return [key]
    })
  }

  #rollBack(): void {
    const { history } = this.#opened
    const moment = this.#moment()
    const done = allowing(refusals, this.#seat.marks, () =>
      this.#record(() => history.rollback(moment).changes.map(({ key }) => key)),
    )
    if (!done) return
    this.#seat.marks.hit('rollback')
    // It may have taken an automatic version, in the place of the one that it went back to.
    allowing(refusals, this.#seat.marks, () => {
      const [left] = history.diff(moment)
      if (left === undefined) return
      const message = `${this.#seat.name}: after a rollback "${left.key}" still differs`
      throw new Violation('kept writes', message)
    })
  }

  #undo(): void {
    const { history } = this.#opened
    const { dice, marks, time } = this.#seat
    const actor = `r${1 + dice.below(3)}`
    const since = time.now() - dice.below(3000)
    const done = allowing(refusals, marks, () =>
      this.#record(() => history.undo(actor, { since }).changes.map(({ key }) => key)),
    )
    if (done) marks.hit('undo')
  }

  #moment(): Moment {
    const { dice, time } = this.#seat
    const versions = this.#opened.history.versions()
    if (versions.length === 0 || dice.chance(0.3)) return time.now() - dice.below(3000)
    return dice.pick(versions).id
  }

  #checkConflicts(key: string): void {
    const { pages, doc } = this.#opened
    const known = { oracle: this.#shared.oracle, known: liveClocks(doc) }
    checkConflicts(this.#seat.name, pages as RegisterPartition, key, known)
  }

  #record(write: () => readonly string[]): void {
    const { pages: partition, doc } = this.#opened
    const { oracle } = this.#shared
    recordWrites({ where: this.#seat.name, partition, doc, oracle }, write)
  }
}
