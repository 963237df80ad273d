/**
 * The handle on a `budget` partition: balances by key that are never overspent, however the
 * network is cut. Amounts are integers in minor units (cents, tokens).
 *
 * How: escrow rights (Balegas et al. 2015, "Extending Eventually Consistent Cloud Databases for
 * Enforcing Numeric Invariants"). Every unit is, at any time, with one writer, and only that
 * writer spends it. A writer's figures are one row a key that nobody else writes.
 *
 * Why nothing is overspent. Say that a debit counts when its promise resolves.
 * B1. A writer spends, gives and leases no more than it was minted and has received, by what it
 *     knows at that moment, and what it has received cannot shrink: a giver's cumulative `usable`
 *     only grows, and a lease ends as a gift of at least what counted as spent from it.
 * B2. Nothing counts, and nobody builds on anything, before it is durable with its writer. A debit
 *     resolves when its row is on disk. A gift, a lease, how a lease was closed, and that its holder
 *     has taken note are written twice: as intended, and once that is durable, as published; others
 *     act on what is published. So no crash brings back what was spent or given.
 * B3. After an unclean stop the store writes under a new clientID. The old row is spent from by
 *     nobody, or by that store alone, as its heir: by B2 it knows all that counted. The old row is
 *     void from then on, for every key at once, so figures that were lost with the tail, and turn
 *     up from the relay later, change nothing.
 * B4. Leases, with clocks at most `skew` from the true time. The holder counts a debit only if the
 *     relay's durable ack came while its clock said at most until - skew, so truly before `until`;
 *     the lessor asks the relay for all it has when its own clock says more than until + skew, so
 *     truly after. Both saw the same generation of the relay's store, which therefore did not lose
 *     the spend between. So the lessor closes the lease at an amount that has every spend that
 *     counted, and only the rest returns. A holder that gives a lease up says so in its row, and is
 *     believed at once: it draws no more, and neither does its heir.
 * B5. A spend whose ack came too late does not count: it is taken out of the row, and the caller
 *     gets BUDGET_UNREACHABLE. If the lessor had already seen it as drawn, that amount has become
 *     the holder's for good, so nothing is lost. If the holder crashed before it could do so, it
 *     or its heir does when it sees how the lease was closed: what is beyond did not count.
 *
 * What this does not hold against: a store that is copied and used twice or loses what it said was
 * durable, clocks beyond the bound (leases only), and a writer of the document that lies in its own
 * row. A document is one trust domain.
 */
import { StatemeshError } from '../../base/error.ts'
import { type BudgetRules, checkAmount, skewMillisecondsOf } from '../../model/budget-rules.ts'
import type { RowsChange } from '../owned-rows.ts'
import type { PartitionHost } from '../partition-host.ts'
import { checkKey } from '../register/register-entry.ts'
import type { Problem } from '../register/register-view.ts'
import {
  add,
  type BudgetRow,
  enter,
  give,
  type LedgerEntry,
  type LedgerKind,
  memoLengthMax,
  offer,
} from './budget-row.ts'
import { BudgetView } from './budget-view.ts'
import { DebitQueue, type Wait } from './debit-queue.ts'
import { RightsKeeper } from './rights-keeper.ts'
import { Spender } from './spender.ts'

export interface MemoOptions {
  /** For the ledger: at most 120 characters. */
  memo?: string
}

export interface DebitOptions extends MemoOptions {
  /** How long to wait for rights of others, and for the relay's ack of a leased spend; 5,000. */
  timeoutMilliseconds?: number
  /** Gives the debit up while it waits for rights. */
  signal?: AbortSignal
}

export interface GrantOptions {
  /** Grants a lease instead of giving for good. */
  expiresInMilliseconds?: number
}

/** What one replica has of a key. */
export interface Share {
  /** Its clientID, as `grant` takes it. */
  readonly writer: number
  /** What it may spend for good. */
  readonly plain: number
  /** What it may spend for a time, and has not. */
  readonly leased: number
  /** What it has given and neither it nor the recipient may spend yet, or any more. */
  readonly pending: number
}

export interface BudgetLedger {
  /** What each actor spent and was not credited back; complete. */
  readonly spent: ReadonlyMap<string, number>
  /** What each actor minted; complete. */
  readonly minted: ReadonlyMap<string, number>
  /** The latest entries of each replica, latest first. */
  readonly recent: readonly LedgerEntry[]
}

const timeoutDefault = 5_000

export class BudgetPartition {
  readonly #host: PartitionHost
  readonly #rules: BudgetRules
  readonly #view: BudgetView
  readonly #spender: Spender
  readonly #queue: DebitQueue
  readonly #keeper: RightsKeeper
  readonly #mintersReported = new Set<string>()
  readonly #stop: () => void
  #closed = false

  /** Not for users: `openPartition` makes it. */
  constructor(rules: BudgetRules, host: PartitionHost) {
    this.#host = host
    this.#rules = rules
    this.#view = new BudgetView(host, this.#rules.owner)
    this.#spender = new Spender(host, this.#view, rules)
    this.#queue = new DebitQueue(host, this.#view)
    const wanted = (key: string) => this.#queue.wanted(key)
    this.#keeper = new RightsKeeper({ host, view: this.#view, rules: this.#rules, wanted })
    for (const key of this.#view.keys()) this.#reportMinters(key)
    this.#stop = this.#view.subscribe(({ keys }) => {
      for (const key of keys) this.#reportMinters(key)
    })
  }

  /** This replica as others name it in `grant`; a new one after an unclean stop. */
  get writer(): number {
    return this.#view.writer
  }

  /** The keys that somebody has used, in no promised order. @throws CLOSED */
  keys(): IterableIterator<string> {
    this.#checkOpen()
    return this.#view.keys()
  }

  /** The keys with their balances. @throws CLOSED */
  *entries(): IterableIterator<[string, number]> {
    for (const key of this.keys()) yield [key, this.#view.balance(key)]
  }

  /** All that is unspent, as far as is known here; not all of it can be spent here. @throws CLOSED */
  balance(key: string): number {
    this.#checkOpen()
    return this.#view.balance(key)
  }

  /** What can be spent here without anybody's help but, for leases, the relay's. @throws CLOSED */
  available(key: string): number {
    this.#checkOpen()
    return this.#spender.available(key)
  }

  /** Who has how much, as far as is known here. @throws CLOSED */
  shares(key: string): Share[] {
    this.#checkOpen()
    return [...this.#view.holders(key)].map(writer => {
      const plain = Math.max(0, this.#view.plain(key, writer))
      return { writer, plain, ...this.#view.unspentLeases(key, writer) }
    })
  }

  /** Who spent what, as far as is known here. @throws CLOSED */
  ledger(key: string): BudgetLedger {
    this.#checkOpen()
    const spent = new Map<string, number>()
    const minted = new Map<string, number>()
    const recent: LedgerEntry[] = []
    for (const [, row] of this.#view.standing(key)) {
      for (const [actor, amount] of row.spent) add(spent, actor, amount)
      for (const [actor, amount] of row.minted) add(minted, actor, amount)
      recent.push(...row.recent)
    }
    return { spent, minted, recent: recent.sort((a, b) => b.time - a.time) }
  }

  /**
   * Makes new money, which is then this replica's to spend or grant. Every mint counts: if two
   * replicas mint, both amounts are there, and BUDGET_OWNER is reported to say so.
   *
   * @throws BUDGET_OWNER for anybody but the owner, KEY_INVALID, VALUE_INVALID, STORAGE_UNAVAILABLE
   * (the money may be there or not), CLOSED
   */
  async mint(key: string, amount: number, options: MemoOptions = {}): Promise<void> {
    this.#check(key, amount)
    const { actor } = this.#host
    const { owner } = this.#rules
    if (owner !== undefined && owner !== actor) {
      throw new StatemeshError('BUDGET_OWNER', `only ${owner} mints, not ${actor}`)
    }
    if (!Number.isSafeInteger(this.#view.minted(key) + amount)) {
      throw new StatemeshError('VALUE_INVALID', 'a key is minted at most 2^53 - 1')
    }
    const entry = this.#entry('mint', amount, options)
    this.#view.edit([key], draft => {
      add(draft.minted, actor, amount)
      enter(draft, [entry])
    })
    await this.#host.durable()
  }

  /**
   * Spends, and resolves when that counts: the row is durable here, and for what was drawn on
   * leases at the relay too, in time. Where rights are lacking, those who have them are asked.
   *
   * @throws BUDGET_INSUFFICIENT when all that is known to be unspent cannot cover it,
   * BUDGET_UNREACHABLE when nobody gave rights in time or the relay's ack of a leased spend did not
   * come in time, BUDGET_CAP, KEY_INVALID, VALUE_INVALID, STORAGE_UNAVAILABLE: nothing was spent.
   * CLOSED: it may be spent or not, as after a crash; the ledger says so when it is open again.
   */
  async debit(key: string, amount: number, options: DebitOptions = {}): Promise<void> {
    this.#check(key, amount)
    const entry = this.#entry('debit', amount, options)
    const wait = this.#wait(key, amount, options)
    try {
      for (;;) {
        this.#checkOpen()
        this.#checkCap(key, amount)
        const plan = this.#spender.plan(key, amount)
        if (plan !== undefined) return await this.#spender.spend(key, entry, plan, wait)
        this.#checkBalance(key, amount)
        await wait.forChange()
      }
    } finally {
      wait.end()
    }
  }

  /**
   * Takes back a debit, or part of one: what this handle's actor has spent through this replica
   * becomes spendable again. New money is minted, not credited.
   *
   * @throws BUDGET_INSUFFICIENT when less was spent, KEY_INVALID, VALUE_INVALID,
   * STORAGE_UNAVAILABLE (it may be credited or not), CLOSED
   */
  async credit(key: string, amount: number, options: MemoOptions = {}): Promise<void> {
    this.#check(key, amount)
    const { actor } = this.#host
    const entry = this.#entry('credit', amount, options)
    if (this.#spender.counted(key, actor) < amount) {
      const why = `${actor} has not spent ${amount} through this replica`
      throw new StatemeshError('BUDGET_INSUFFICIENT', why)
    }
    this.#view.edit([key], draft => {
      add(draft.spent, actor, -amount)
      enter(draft, [entry])
    })
    await this.#host.durable()
  }

  /**
   * Moves money from one key to another as one update, with rights that last; resolves when that
   * is durable here. Where rights are lacking, those who have them are asked.
   *
   * @throws as `debit` does, but for BUDGET_CAP; after STORAGE_UNAVAILABLE it may be moved or not
   */
  async transfer(
    from: string,
    to: string,
    amount: number,
    options: DebitOptions = {},
  ): Promise<void> {
    this.#check(from, amount)
    checkKey(to)
    this.#checkRow(to)
    if (from === to) throw new StatemeshError('KEY_INVALID', 'a transfer needs two keys')
    const out = this.#entry('transfer-out', amount, options)
    const wait = this.#wait(from, amount, options)
    try {
      while (this.#spender.plain(from) < amount) {
        this.#checkBalance(from, amount)
        await wait.forChange()
        this.#checkOpen()
      }
      this.#view.edit([from, to], (draft, key) => {
        if (key === from) draft.transferredOut += amount
        else draft.transferredIn += amount
        enter(draft, [key === from ? out : { ...out, kind: 'transfer-in' }])
        wait.withdraw(key, draft)
      })
    } finally {
      wait.end()
    }
    await this.#host.durable()
  }

  /**
   * Hands rights to another replica: for good, or as a lease, of which what is not spent by its
   * end returns. Resolves when they may be used there. What is with a replica for good is out of
   * reach while that is offline, and lost if its disk is.
   *
   * @throws BUDGET_INSUFFICIENT when there are not as many lasting rights here, BUDGET_UNREACHABLE
   * for a lease while the relay is unknown, RELAY_NOT_CONFIGURED for one without a relay,
   * OPTION_INVALID, also for a lease no longer than `skewMilliseconds`, KEY_INVALID,
   * VALUE_INVALID, STORAGE_UNAVAILABLE (it will be granted), CLOSED
   */
  async grant(key: string, to: number, amount: number, options: GrantOptions = {}): Promise<void> {
    this.#check(key, amount)
    const { expiresInMilliseconds: expires } = options
    if (!Number.isSafeInteger(to) || to < 0 || to === this.writer) {
      throw new StatemeshError('OPTION_INVALID', 'rights are granted to the writer of another')
    }
    const lease = expires === undefined ? undefined : this.#leaseTerms(expires)
    if (this.#spender.plain(key) < amount) {
      throw new StatemeshError('BUDGET_INSUFFICIENT', `fewer than ${amount} can be granted here`)
    }
    this.#view.edit([key], draft => {
      if (lease === undefined) give(draft, to, amount, 0)
      else offer(draft, this.writer, { to, amount, ...lease })
    })
    await this.#keeper.settle([key])
  }

  /**
   * Calls `listener` once for each transaction, local or remote, that changed rows, after it is
   * over.
   *
   * @returns ends it
   * @throws CLOSED
   */
  subscribe(listener: (change: RowsChange) => void): () => void {
    this.#checkOpen()
    return this.#view.subscribe(listener)
  }

  /** What is in the document but not in what is read, and why. @throws CLOSED */
  problems(): readonly Problem[] {
    this.#checkOpen()
    return this.#view.problems()
  }

  /** Gives the document back; debits that wait for rights fail. Later calls throw CLOSED. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#stop()
    this.#keeper.close()
    this.#spender.close()
    this.#queue.close()
    this.#view.close()
    this.#host.release()
  }

  #leaseTerms(expires: number): { until: number; generation: string } {
    const { relay, time } = this.#host
    if (!Number.isSafeInteger(expires) || expires < 1) {
      throw new StatemeshError('OPTION_INVALID', 'a lease lasts an integer of milliseconds from 1')
    }
    if (relay === undefined) {
      throw new StatemeshError('RELAY_NOT_CONFIGURED', 'a lease needs a relay as its witness')
    }
    const skew = skewMillisecondsOf(this.#rules)
    if (expires <= skew) {
      const why = `a lease of ${expires} ms cannot be drawn on where clocks may be ${skew} ms off`
      throw new StatemeshError('OPTION_INVALID', why)
    }
    const generation = relay.generation()
    if (generation === undefined) {
      throw new StatemeshError('BUDGET_UNREACHABLE', 'the relay has not been reached yet')
    }
    return { until: time.now() + expires, generation }
  }

  #wait(key: string, amount: number, options: DebitOptions): Wait {
    const { timeoutMilliseconds = timeoutDefault, signal } = options
    if (!(timeoutMilliseconds >= 0)) {
      throw new StatemeshError('OPTION_INVALID', 'timeoutMilliseconds must be a number from 0')
    }
    return this.#queue.wait({ key, amount, timeoutMilliseconds, signal })
  }

  #entry(kind: LedgerKind, amount: number, { memo = '' }: MemoOptions): LedgerEntry {
    if (typeof memo !== 'string' || memo.length > memoLengthMax) {
      throw new StatemeshError('OPTION_INVALID', `a memo has at most ${memoLengthMax} characters`)
    }
    const time = Math.max(0, Math.floor(this.#host.time.now()))
    return Object.freeze({ kind, actor: this.#host.actor, amount, time, memo })
  }

  #check(key: string, amount: number): void {
    this.#checkOpen()
    checkKey(key)
    checkAmount(amount)
    this.#checkRow(key)
  }

  #checkRow(key: string): void {
    if (!this.#view.isLost(key)) return
    throw new StatemeshError('ENTRY_FORGED', `somebody overwrote this replica's row of ${key}`)
  }

  #checkCap(key: string, amount: number): void {
    const { actorCap = Infinity } = this.#rules
    const { actor } = this.#host
    if (this.#view.spentBy(key, actor) + amount <= actorCap) return
    throw new StatemeshError('BUDGET_CAP', `${actor} may spend at most ${actorCap} of ${key}`)
  }

  #checkBalance(key: string, amount: number): void {
    const balance = this.#view.balance(key)
    if (balance >= amount) return
    const why = `all that is known to be left of ${key} is ${balance}`
    throw new StatemeshError('BUDGET_INSUFFICIENT', why)
  }

  #checkOpen(): void {
    if (this.#closed) throw new StatemeshError('CLOSED', 'the partition is closed')
  }

  /** Tells, once a key, of several that minted: by accident it is twice the money. */
  #reportMinters(key: string): void {
    if (this.#mintersReported.has(key)) return
    const rows: [number, Readonly<BudgetRow>][] = [...this.#view.standing(key)]
    const minters = rows.filter(([, { minted }]) => minted.size > 0)
    if (minters.length < 2) return
    this.#mintersReported.add(key)
    const why = `${key} was minted through ${minters.length} replicas; every mint counts`
    this.#host.report(new StatemeshError('BUDGET_OWNER', why))
  }
}
