/**
 * The work of a budget that nobody calls for: from a timer, never from inside an observer, it
 * publishes what became durable, grants what others request, ends leases, and takes over the rows
 * of this store's former writers. Every step can be repeated, and is safe to be cut off anywhere.
 */
import { StatemeshError } from '../../base/error.ts'
import type { CancelTimer } from '../../base/time.ts'
import { type BudgetRules, skewMillisecondsOf } from '../../model/budget-rules.ts'
import type { PartitionHost } from '../partition-host.ts'
import {
  copyRow,
  emptyRow,
  finishDrawn,
  give,
  inherit,
  isUnsettled,
  offer,
  publish,
} from './budget-row.ts'
import type { BudgetView } from './budget-view.ts'

export interface RightsKeeperOptions {
  host: PartitionHost
  view: BudgetView
  rules: BudgetRules
  /** What this replica itself is waiting for, which it does not give away. */
  wanted(key: string): number
}

/** Changes that come together are looked at together. */
const gatherMilliseconds = 5
/** The richest writer answers a request first; each next one waits this much longer. */
const rankMilliseconds = 250
/** Between two attempts at what failed. */
const retryMilliseconds = 1_000
const fenceMillisecondsMax = 10_000
/** A grant may go beyond the need by this many times the need, so that not every spend asks. */
const extraTimesMax = 3

interface Need {
  readonly writer: number
  readonly amount: number
}

export class RightsKeeper {
  readonly #options: RightsKeeperOptions
  /** The keys at which there may be something to do. */
  readonly #active: Set<string>
  readonly #settling = new Set<string>()
  /** When a need was first seen, by key and writer, in monotonic milliseconds. */
  readonly #firstSeen = new Map<string, Map<number, number>>()
  readonly #stop: () => void
  #cancelTimer: CancelTimer | undefined
  #due = Infinity
  #fencing = false
  #closed = false

  constructor(options: RightsKeeperOptions) {
    this.#options = options
    this.#active = new Set(options.view.keys())
    this.#stop = options.view.subscribe(({ keys }) => {
      for (const key of keys) this.#active.add(key)
      this.wake(gatherMilliseconds)
    })
    this.wake(0)
  }

  /** Looks at everything again, so many milliseconds from now at the latest. */
  wake(milliseconds: number): void {
    const { time } = this.#options.host
    const due = time.monotonic() + milliseconds
    if (this.#closed || due >= this.#due) return
    this.#cancelTimer?.()
    this.#due = due
    this.#cancelTimer = time.after(milliseconds, () => {
      this.#cancelTimer = undefined
      this.#due = Infinity
      this.#tick()
    })
  }

  /**
   * Publishes what this replica's rows intend, once that is durable here. The rows that become
   * durable are those of now; what is intended meanwhile waits for the next time.
   *
   * @throws STORAGE_UNAVAILABLE, CLOSED, and it is tried again later
   */
  async settle(keys: readonly string[]): Promise<void> {
    const { host, view } = this.#options
    const { writer } = view
    const intended = new Map(keys.map(key => [key, view.row(key, writer)]))
    for (const key of keys) this.#settling.add(key)
    try {
      await host.durable()
    } finally {
      for (const key of keys) this.#settling.delete(key)
      this.wake(retryMilliseconds)
    }
    // A row of another clientID is not ours to write any more.
    if (this.#closed || view.writer !== writer) return
    const open = keys.filter(key => isUnsettled(view.row(key, writer)))
    if (open.length === 0) return
    view.edit(open, (draft, key) => publish(draft, intended.get(key) ?? emptyRow()))
  }

  close(): void {
    this.#closed = true
    this.#cancelTimer?.()
    this.#stop()
  }

  #tick(): void {
    for (const key of this.#active) if (!this.#mend(key)) this.#active.delete(key)
    this.#takeOver()
    const expired = [...this.#active].filter(key => this.#endLeases(key))
    if (expired.length > 0) void this.#reclaim(expired)
    for (const key of this.#active) {
      this.#answer(key)
      this.#settleLater(key)
      if (!this.#isBusy(key)) this.#active.delete(key)
    }
  }

  /** Writes our row again where somebody overwrote it. @returns false if it is not known */
  #mend(key: string): boolean {
    const { view } = this.#options
    if (view.isLost(key)) return false
    if (view.unreadable(key).has(view.writer)) view.edit([key], () => {})
    return true
  }

  #isBusy(key: string): boolean {
    const { view } = this.#options
    if (this.#firstSeen.has(key)) return true
    const { leases } = view.row(key, view.writer)
    if (leases.size > 0 || this.#holds(key) || view.overdue(key).size > 0) return true
    return isUnsettled(view.row(key, view.writer))
  }

  #holds(key: string): boolean {
    const { view } = this.#options
    return view.leasesOf(key, view.writer).length > 0
  }

  #settleLater(key: string): void {
    const { view } = this.#options
    if (this.#settling.has(key) || !isUnsettled(view.row(key, view.writer))) return
    // The replica itself tells of a disk that fails; `settle` has set the timer for another try.
    this.settle([key]).catch(() => undefined)
  }

  /**
   * Makes this writer the heir of the store's former ones, of all their rows at once: to take a
   * row that arrives later would be to take only one side of a transfer.
   */
  #takeOver(): void {
    const { host, view } = this.#options
    const all = (host.formerWriters?.() ?? []).filter(writer => writer !== view.writer)
    if (all.every(writer => view.isVoid(writer))) return
    // What was spent in a row that cannot be read is not known.
    const unreadable = new Set([...view.keys()].flatMap(key => [...view.unreadable(key)]))
    const former = all.filter(writer => !unreadable.has(writer))
    const standing = new Set(former.filter(writer => !view.isVoid(writer)))
    if (standing.size === 0) return
    const keys = [...view.keys()].filter(key => this.#concerns(key, standing))
    if (keys.length === 0) return
    view.edit(keys, (draft, key) => {
      for (const writer of standing) inherit(draft, copyRow(view.row(key, writer)))
      for (const writer of former) draft.heirOf.add(writer)
    })
    for (const key of keys) this.#active.add(key)
  }

  /** Whether some writers have a row of a key, or have been given something there. */
  #concerns(key: string, writers: ReadonlySet<number>): boolean {
    for (const [writer, { given, leases }] of this.#options.view.allRows(key)) {
      if (writers.has(writer)) return true
      for (const to of given.keys()) if (writers.has(to)) return true
      for (const { to } of leases.values()) if (writers.has(to)) return true
    }
    return false
  }

  /**
   * As a holder: gives up leases that may not be drawn on any more. As a lessor: closes those that
   * were given up.
   *
   * @returns whether a lease of ours has expired beyond doubt
   */
  #endLeases(key: string): boolean {
    const { host, view } = this.#options
    const now = host.time.now()
    const over = view.leasesOf(key, view.writer).filter(({ lease, drawn }) => {
      if (drawn.state !== 'drawing' || !isOpen(lease)) return false
      this.wake(lease.until - this.#skew - now + 1)
      return lease.to !== view.writer || !this.#isDrawable(lease.until, lease.generation)
    })
    if (over.length > 0) {
      view.edit([key], draft => {
        for (const { id } of over) finishDrawn(draft, id)
      })
    }
    if (view.overdue(key).size > 0) view.edit([key], () => {})
    this.#closeLeases(key, id => view.drawnOn(key, id).final)
    this.#forgetLeases(key)
    const open = [...view.row(key, view.writer).leases.values()].filter(isOpen)
    for (const { until } of open) this.wake(Math.max(retryMilliseconds, until + this.#skew - now))
    return open.some(lease => this.#isReclaimable(lease.until, lease.generation))
  }

  /** Decides what was spent of our own open leases for which `isOver`; the rest will come back. */
  #closeLeases(key: string, isOver: (id: string) => boolean): void {
    const { view } = this.#options
    const { leases } = view.row(key, view.writer)
    if (leases.size === 0 || view.unreadable(key).size > 0) return
    const over = [...leases].filter(([id, lease]) => isOpen(lease) && isOver(id))
    if (over.length === 0) return
    view.edit([key], draft => {
      for (const [id, lease] of over) {
        const spent = Math.min(lease.amount, view.drawnOn(key, id).amount)
        draft.leases.set(id, { ...lease, phase: 'closing', spent })
      }
    })
  }

  /** A closed lease that its holder has taken note of, or never drew on, becomes a gift. */
  #forgetLeases(key: string): void {
    const { view } = this.#options
    const { leases } = view.row(key, view.writer)
    if (leases.size === 0 || view.unreadable(key).size > 0) return
    const noted = [...leases].filter(([id, { phase, to }]) => {
      return phase === 'closed' && !view.row(key, view.standingFor(to)).drawn.has(id)
    })
    if (noted.length === 0) return
    view.edit([key], draft => {
      for (const [id, { to, spent }] of noted) {
        draft.leases.delete(id)
        if (spent > 0) give(draft, to, spent, spent)
      }
    })
  }

  /** Closes expired leases once every spend that can count is sure to be known here. */
  async #reclaim(keys: readonly string[]): Promise<void> {
    const { host, view } = this.#options
    if (this.#fencing || host.relay === undefined) return
    this.#fencing = true
    const generation = host.relay.generation()
    const { writer } = view
    // By key, for a lease's id is one of its key alone.
    const expired = new Map(
      keys.map(key => {
        const open = [...view.row(key, writer).leases].filter(([, lease]) => isOpen(lease))
        const over = open.filter(([, lease]) => this.#isReclaimable(lease.until, lease.generation))
        return [key, new Set(over.map(([id]) => id))]
      }),
    )
    try {
      await host.relay.fence({ timeoutMilliseconds: fenceMillisecondsMax })
      if (this.#closed || view.writer !== writer || host.relay.generation() !== generation) return
      for (const [key, ids] of expired) this.#closeLeases(key, id => ids.has(id))
    } catch (thrown) {
      // The relay is out of reach; the leases stay as they are, and the next tick tries again.
      if (!(thrown instanceof StatemeshError)) throw thrown
    } finally {
      this.#fencing = false
      this.wake(retryMilliseconds)
    }
  }

  /** Whether a holder may draw on a lease now: a spend that counts after this is too late. */
  #isDrawable(until: number, generation: string): boolean {
    const { time, relay } = this.#options.host
    return isDrawable({ until, generation }, time.now(), this.#skew, relay?.generation())
  }

  #isReclaimable(until: number, generation: string): boolean {
    const { time, relay } = this.#options.host
    return time.now() > until + this.#skew && relay?.generation() === generation
  }

  get #skew(): number {
    return skewMillisecondsOf(this.#options.rules)
  }

  /**
   * Grants what others need and this replica can spare. Small needs come first and all share
   * equally, so that one that asks for much does not starve the others.
   */
  #answer(key: string): void {
    const due = this.#dueNeeds(key)
    const { host, view, rules, wanted } = this.#options
    let left = view.plain(key, view.writer) - wanted(key)
    if (due.length === 0 || left <= 0) return
    const generation = host.relay?.generation()
    if (rules.leaseMilliseconds !== undefined && generation === undefined) return
    const grants = new Map<number, number>()
    due.sort((a, b) => a.amount - b.amount || a.writer - b.writer)
    due.forEach(({ writer, amount }, index) => {
      const granted = Math.min(amount, Math.floor(left / (due.length - index)))
      grants.set(writer, granted)
      left -= granted
    })
    const extra = Math.floor(left / (view.allRows(key).size + 1))
    for (const { writer, amount } of due) {
      const granted = grants.get(writer) ?? 0
      const more = Math.min(extra, left, amount * extraTimesMax)
      grants.set(writer, granted + more)
      left -= more
    }
    view.edit([key], draft => {
      for (const [to, amount] of grants) {
        if (amount === 0) continue
        if (rules.leaseMilliseconds === undefined || generation === undefined) {
          give(draft, to, amount, 0)
        } else {
          const until = host.time.now() + rules.leaseMilliseconds
          offer(draft, view.writer, { to, amount, until, generation })
        }
      }
    })
  }

  /** The needs that it is this replica's turn to answer. */
  #dueNeeds(key: string): Need[] {
    const { host, view } = this.#options
    const needs = this.#needs(key)
    if (needs.length === 0) {
      this.#firstSeen.delete(key)
      return needs
    }
    const now = host.time.monotonic()
    const before = this.#firstSeen.get(key)
    const seen = new Map(needs.map(({ writer }) => [writer, before?.get(writer) ?? now]))
    this.#firstSeen.set(key, seen)
    const ranked = [...view.standing(key)]
      .map(([writer]) => ({ writer, plain: view.plain(key, writer) }))
      .sort((a, b) => b.plain - a.plain || a.writer - b.writer)
    const rank = ranked.findIndex(({ writer }) => writer === view.writer)
    return needs.filter(({ writer }) => {
      const wait = (seen.get(writer) ?? now) + Math.max(0, rank) * rankMilliseconds - now
      this.wake(wait > 0 ? wait : retryMilliseconds)
      return wait <= 0
    })
  }

  /** What standing writers lack of what they ask for, by what they have and is on its way. */
  #needs(key: string): Need[] {
    const { host, view } = this.#options
    const now = host.time.now()
    const needs: Need[] = []
    for (const [writer, { requests }] of view.standing(key)) {
      if (writer === view.writer || requests.length === 0) continue
      let amount = 0
      for (const { need, until } of requests) if (until > now) amount += need
      if (amount === 0) continue
      amount -= Math.max(0, view.plain(key, writer, 'intended'))
      for (const { lease, drawn } of view.leasesOf(key, writer)) {
        if ((lease.phase === 'offered' || isOpen(lease)) && drawn.state === 'drawing')
          amount -= lease.amount - drawn.amount
      }
      if (amount > 0) needs.push({ writer, amount })
    }
    return needs
  }
}

function isOpen({ phase }: { phase: string }): boolean {
  return phase === 'open'
}

/** Whether the holder of a lease may still draw on it, by its own clock. */
export function isDrawable(
  lease: { readonly until: number; readonly generation: string },
  now: number,
  skewMilliseconds: number,
  generation: string | undefined,
): boolean {
  return now <= lease.until - skewMilliseconds && lease.generation === generation
}
