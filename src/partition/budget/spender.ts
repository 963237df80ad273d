/**
 * Spends what this replica holds: rights that last first, then leases, and decides whether a spend
 * counts (B2, B4 and B5 of `budget-partition.ts`).
 */
import { StatemeshError } from '../../base/error.ts'
import { type BudgetRules, skewMillisecondsOf } from '../../model/budget-rules.ts'
import type { PartitionHost } from '../partition-host.ts'
import {
  add,
  type BudgetRow,
  confirm,
  draw,
  type LedgerEntry,
  spend,
  undraw,
  unspend,
} from './budget-row.ts'
import type { BudgetView } from './budget-view.ts'
import type { Wait } from './debit-queue.ts'
import { isDrawable } from './rights-keeper.ts'

/** What a spend is paid with. */
export interface Plan {
  /** By lease id; the rest is paid with rights that last. */
  readonly draws: ReadonlyMap<string, number>
  /** The end of the first lease to end; Infinity without any. */
  readonly until: number
  readonly generation: string | undefined
}

interface DrawableLease {
  readonly id: string
  readonly left: number
  readonly until: number
}

export class Spender {
  readonly #host: PartitionHost
  readonly #view: BudgetView
  readonly #skew: number
  /** Spends that do not count yet, by key. */
  readonly #uncounted = new Map<string, number>()
  #spends = 0
  #closed = false

  constructor(host: PartitionHost, view: BudgetView, rules: BudgetRules) {
    this.#host = host
    this.#view = view
    this.#skew = skewMillisecondsOf(rules)
  }

  /** What can be spent here now, without anybody's rights but our own. */
  available(key: string): number {
    return this.#drawable(key).reduce((sum, { left }) => sum + left, this.plain(key))
  }

  /** The part of it that lasts, and needs no relay. */
  plain(key: string): number {
    if (this.#view.isLost(key)) return 0
    return Math.max(0, this.#view.plain(key, this.#view.writer))
  }

  /** What an actor spent through this replica that is sure to count: it can be credited back. */
  counted(key: string, actor: string): number {
    const { spent, unconfirmed } = this.#view.row(key, this.#view.writer)
    let counted = (spent.get(actor) ?? 0) - (this.#uncounted.get(key) ?? 0)
    // Some may be of an earlier start, so not in the other figure; to take some off twice is safe.
    for (const { entry } of unconfirmed) if (entry.actor === actor) counted -= entry.amount
    return counted
  }

  /** How to pay an amount; undefined if there is not enough here. */
  plan(key: string, amount: number): Plan | undefined {
    let missing = Math.max(0, amount - this.plain(key))
    const draws = new Map<string, number>()
    let until = Infinity
    // What ends last leaves the relay the most time.
    for (const lease of this.#drawable(key).sort((a, b) => b.until - a.until)) {
      if (missing === 0) break
      const drawn = Math.min(lease.left, missing)
      draws.set(lease.id, drawn)
      until = Math.min(until, lease.until)
      missing -= drawn
    }
    if (missing > 0) return undefined
    return { draws, until, generation: this.#host.relay?.generation() }
  }

  /**
   * Spends by a plan that was made in the same turn; resolves when it counts.
   *
   * @throws BUDGET_UNREACHABLE, STORAGE_UNAVAILABLE (nothing was spent), CLOSED
   */
  async spend(key: string, entry: LedgerEntry, plan: Plan, wait: Wait): Promise<void> {
    const { writer } = this.#view
    const { draws } = plan
    this.#spends += 1
    const id = `${writer}.${entry.time}.${this.#spends}`
    this.#view.edit([key], draft => {
      if (draws.size > 0) draw(draft, { id, entry, draws })
      else spend(draft, entry)
      wait.withdraw(key, draft)
    })
    add(this.#uncounted, key, entry.amount)
    try {
      if (draws.size === 0) return await this.#host.durable()
      await this.#witnessed(plan, wait)
      // Nothing waits for this: without it the spend counts too, as the lessor's row will show.
      if (!this.#closed && this.#view.writer === writer) {
        this.#view.edit([key], draft => confirm(draft, id))
      }
    } catch (thrown) {
      await this.#undo(key, writer, draft => {
        if (draws.size > 0) undraw(draft, id)
        else unspend(draft, entry)
      })
      throw thrown
    } finally {
      add(this.#uncounted, key, -entry.amount)
    }
  }

  /** Spends that are under way end with CLOSED if they should have to be taken back. */
  close(): void {
    this.#closed = true
  }

  #drawable(key: string): DrawableLease[] {
    if (this.#view.isLost(key)) return []
    const { relay, time } = this.#host
    const generation = relay?.generation()
    return this.#view.leasesOf(key, this.#view.writer).flatMap(({ id, lease, drawn }) => {
      const left = lease.amount - drawn.amount
      if (lease.phase !== 'open' || drawn.state !== 'drawing' || left <= 0) return []
      // A predecessor's lease is not ours to draw on: its lessor may know it as given up.
      if (lease.to !== this.#view.writer) return []
      if (!isDrawable(lease, time.now(), this.#skew, generation)) return []
      return [{ id, left, until: lease.until }]
    })
  }

  /** Resolves when a spend from leases counts (B4). @throws BUDGET_UNREACHABLE */
  async #witnessed({ until, generation }: Plan, wait: Wait): Promise<void> {
    const { time, relay } = this.#host
    const left = until - this.#skew - time.now()
    try {
      const timeoutMilliseconds = Math.max(1, Math.min(wait.leftMilliseconds(), left))
      await Promise.all([this.#host.durable(), this.#host.flush({ timeoutMilliseconds })])
    } catch (cause) {
      throw new StatemeshError('BUDGET_UNREACHABLE', 'the relay did not take the spend', { cause })
    }
    if (time.now() > until - this.#skew || relay?.generation() !== generation) {
      throw new StatemeshError('BUDGET_UNREACHABLE', 'the relay took the spend too late')
    }
  }

  /** Takes a spend that does not count out of the row again, durably. @throws CLOSED */
  async #undo(key: string, writer: number, change: (draft: BudgetRow) => void): Promise<void> {
    if (this.#closed) {
      throw new StatemeshError('CLOSED', 'the partition was closed before the debit was settled')
    }
    // A row of another clientID is not ours to write: there the spend stays, and nobody has it.
    if (this.#view.writer !== writer) return
    this.#view.edit([key], change)
    // If the disk fails, the caller is told of the first failure; the replica tells of this one.
    await this.#host.durable().catch(() => undefined)
  }
}
