/**
 * What the rows of a budget add up to: who may spend how much; and the way to write one's own row.
 *
 * A row whose writer was taken over is void; its heir's row holds its figures, and what others
 * give to the dead writer is the heir's. Writers that are not void are called standing.
 */
import { OwnedRows, type RowsChange } from '../owned-rows.ts'
import type { PartitionHost } from '../partition-host.ts'
import type { Problem } from '../register/register-view.ts'
import {
  type BudgetRow,
  copyRow,
  type Drawn,
  emptyRow,
  encodeRow,
  type Lease,
  noteClosed,
  parseRow,
  total,
} from './budget-row.ts'

/** The name of the root map; a stock Yjs client finds the rows there. */
export const budgetsRoot = 'budgets'

/** A lease that a writer holds. */
export interface HeldLease {
  readonly id: string
  readonly lessor: number
  readonly lease: Lease
  readonly drawn: Drawn
}

const nothing: Readonly<BudgetRow> = Object.freeze(emptyRow())
const undrawn: Drawn = { amount: 0, state: 'drawing' }

export class BudgetView {
  readonly #rows: OwnedRows<BudgetRow>
  readonly #host: PartitionHost
  readonly #owner: string | undefined
  /** By writer that was taken over: who says so. */
  readonly #heirs = new Map<number, number>()

  constructor(host: PartitionHost, owner: string | undefined) {
    this.#host = host
    this.#owner = owner
    this.#rows = new OwnedRows({
      host,
      root: budgetsRoot,
      parse: parseRow,
      onRow: (writer, { heirOf }) => {
        for (const dead of heirOf) if (dead !== writer) this.#tookOver(dead, writer)
      },
    })
  }

  keys(): IterableIterator<string> {
    return this.#rows.keys()
  }

  problems(): readonly Problem[] {
    return this.#rows.problems()
  }

  /** The writers of a key whose rows are there and cannot be read. */
  unreadable(key: string): ReadonlySet<number> {
    return this.#rows.unreadable(key)
  }

  /** Whether our own row cannot be read and we do not know what was in it: it is out of use. */
  isLost(key: string): boolean {
    return !this.#rows.of(key).has(this.writer) && this.unreadable(key).has(this.writer)
  }

  subscribe(listener: (change: RowsChange) => void): () => void {
    return this.#rows.subscribe(listener)
  }

  /** This replica, as a writer. */
  get writer(): number {
    return this.#host.doc.clientID
  }

  /**
   * Writes this replica's rows of some keys as one update. `change` gets a copy of each row to
   * change, and must not fail.
   */
  edit(keys: Iterable<string>, change: (draft: BudgetRow, key: string) => void): void {
    this.#host.doc.transact(() => {
      for (const key of keys) {
        const draft = copyRow(this.row(key, this.writer))
        for (const [lease, spent] of this.overdue(key)) noteClosed(draft, lease, spent)
        change(draft, key)
        this.#rows.write(key, encodeRow(draft))
      }
    })
  }

  close(): void {
    this.#rows.close()
  }

  /** A writer's row of a key, be it void; an empty one where there is none. Not to be changed. */
  row(key: string, writer: number): Readonly<BudgetRow> {
    return this.#rows.of(key).get(writer) ?? nothing
  }

  /** All rows of a key, the void ones too. */
  allRows(key: string): ReadonlyMap<number, Readonly<BudgetRow>> {
    return this.#rows.of(key)
  }

  *standing(key: string): IterableIterator<[number, Readonly<BudgetRow>]> {
    for (const entry of this.#rows.of(key)) if (!this.isVoid(entry[0])) yield entry
  }

  /** The standing writers that have a row of a key or were given something of it. */
  holders(key: string): Set<number> {
    const holders = new Set<number>()
    for (const [writer, { given, leases }] of this.standing(key)) {
      holders.add(writer)
      for (const to of given.keys()) holders.add(this.standingFor(to))
      for (const { to } of leases.values()) holders.add(this.standingFor(to))
    }
    return holders
  }

  isVoid(writer: number): boolean {
    return this.#heirs.has(writer)
  }

  /** The standing writer that a writer's rights are with now. */
  standingFor(writer: number): number {
    let standing = writer
    // Each step goes to another heir, unless hostile rows name each other: then it ends anyhow.
    for (let steps = 0; steps <= this.#heirs.size; steps++) {
      const heir = this.#heirs.get(standing)
      if (heir === undefined) return standing
      standing = heir
    }
    return writer
  }

  /** What was minted, by those who may. */
  mintedIn({ minted }: Readonly<BudgetRow>): number {
    return this.#owner === undefined ? total(minted) : (minted.get(this.#owner) ?? 0)
  }

  minted(key: string): number {
    let sum = 0
    for (const [, row] of this.standing(key)) sum += this.mintedIn(row)
    return sum
  }

  /** All that is unspent, wherever it is. */
  balance(key: string): number {
    let sum = 0
    for (const [, row] of this.standing(key)) {
      sum += this.mintedIn(row) + row.transferredIn - row.transferredOut - total(row.spent)
    }
    return Math.max(0, sum)
  }

  /** What an actor spent, through whichever replica. */
  spentBy(key: string, actor: string): number {
    let sum = 0
    for (const [, { spent }] of this.standing(key)) sum += spent.get(actor) ?? 0
    return sum
  }

  /**
   * What a standing writer may spend for good; below zero while something that it builds on has
   * not arrived here.
   *
   * @param figure `usable` for what the writer itself may count on; `intended` also has what is
   * on its way to it
   */
  plain(key: string, writer: number, figure: 'usable' | 'intended' = 'usable'): number {
    const own = this.row(key, writer)
    let sum = this.mintedIn(own) + own.transferredIn - own.transferredOut - total(own.spent)
    for (const { intended } of own.given.values()) sum -= intended
    for (const { phase, amount, spent } of own.leases.values()) {
      sum -= phase === 'closed' ? spent : amount
    }
    for (const [, { given }] of this.standing(key)) {
      for (const [to, amounts] of given) if (this.standingFor(to) === writer) sum += amounts[figure]
    }
    // What was drawn on a lease is the lessor's to bear; once it is closed, so much is the holder's.
    for (const { lease, drawn } of this.leasesOf(key, writer)) {
      sum += lease.phase === 'closed' ? lease.spent : Math.min(drawn.amount, lease.amount)
    }
    return sum
  }

  /** The leases that a standing writer holds, its predecessors' among them, in any phase. */
  leasesOf(key: string, writer: number): HeldLease[] {
    const { drawn } = this.row(key, writer)
    const held: HeldLease[] = []
    for (const [lessor, { leases }] of this.standing(key)) {
      for (const [id, lease] of leases) {
        if (this.standingFor(lease.to) !== writer) continue
        held.push({ id, lessor, lease, drawn: drawn.get(id) ?? undrawn })
      }
    }
    return held
  }

  /**
   * `leased`: what a standing writer may still draw on its leases. `pending`: what is left of its
   * own gifts and leases that nobody may use.
   */
  unspentLeases(key: string, writer: number): { leased: number; pending: number } {
    let leased = 0
    for (const { lease, drawn } of this.leasesOf(key, writer)) {
      if (lease.phase === 'open' && drawn.state === 'drawing')
        leased += Math.max(0, lease.amount - drawn.amount)
    }
    const { given, leases } = this.row(key, writer)
    let pending = 0
    for (const { intended, usable } of given.values()) pending += intended - usable
    for (const [id, { to, amount, phase }] of leases) {
      if (phase === 'closed') continue
      const drawn = this.row(key, this.standingFor(to)).drawn.get(id) ?? undrawn
      if (phase !== 'open' || drawn.state !== 'drawing')
        pending += Math.max(0, amount - drawn.amount)
    }
    return { leased, pending }
  }

  /**
   * The most that any row says was drawn on a lease. Void rows are asked too: a spend may have
   * reached us in one of them before its heir's row did.
   */
  drawnOn(key: string, id: string): { amount: number; final: boolean } {
    let amount = 0
    let final = false
    for (const { drawn } of this.#rows.of(key).values()) {
      const part = drawn.get(id) ?? undrawn
      amount = Math.max(amount, part.amount)
      final ||= part.state !== 'drawing'
    }
    return { amount, final }
  }

  /** The leases of this writer's draws that are over: what its lessor says was spent of each. */
  overdue(key: string): Map<string, number> {
    const over = new Map<string, number>()
    const { drawn } = this.row(key, this.writer)
    if (drawn.size === 0) return over
    // A lessor forgets a lease only if it knows of no draws: then none can have counted.
    for (const [id, { state }] of drawn) if (state !== 'noted') over.set(id, 0)
    if (over.size === 0) return over
    for (const [, { leases }] of this.standing(key)) {
      for (const [id, { phase, spent }] of leases) {
        if (!over.has(id)) continue
        if (phase === 'closed') over.set(id, spent)
        else over.delete(id)
      }
    }
    return over
  }

  /** Tells who took over a writer; hostile rows aside, of several the one that still stands. */
  #tookOver(dead: number, heir: number): void {
    const known = this.#heirs.get(dead)
    if (known === undefined || this.#heirs.has(known)) this.#heirs.set(dead, heir)
  }
}
