/**
 * One random run of several replicas that share budgets while nearly everything goes wrong:
 * partitions, delays, duplicates, slow disks, crashes that lose what was not on the disk, clocks
 * that are off, leases that end, and a relay that an older backup takes over. Then the world heals,
 * and the replicas have to agree with each other and with what callers were told.
 */
import type { StatemeshError } from '../../../src/base/error.ts'
import { type RandomSource, seededRandom } from '../../../src/base/random.ts'
import type { BudgetRules } from '../../../src/model/budget-rules.ts'
import { type ManualTime, manualTime } from '../../support/manual-time.ts'
import { BudgetOracle, type Call } from './budget-oracle.ts'
import { SimulatedRelay } from './simulated-relay.ts'
import { type Fault, SimulatedReplica } from './simulated-replica.ts'

export interface BudgetWorldOptions {
  /** How many things happen; 60 unless given. */
  steps?: number
  /** What is planted wrong; nothing unless given. */
  fault?: Fault
}

export interface BudgetWorldResult {
  readonly seed: number
  /** The steps after which more was spent than there was. */
  readonly overspends: number
  /** What else was wrong, in words; empty when all is well. */
  readonly complaints: readonly string[]
  readonly debits: { readonly done: number; readonly refused: number; readonly open: number }
  readonly crashes: number
  readonly swaps: number
}

const skewMillisecondsMax = 150
const keys = ['tokens', 'tools'] as const

/** Plays the run of a seed; the same seed always gives the same run. */
export async function runBudgetWorld(
  seed: number,
  options: BudgetWorldOptions = {},
): Promise<BudgetWorldResult> {
  const world = new BudgetWorld(seed, options)
  for (let step = 0; step < (options.steps ?? 60); step++) await world.step()
  await world.heal()
  return world.result()
}

class BudgetWorld {
  readonly #seed: number
  readonly #random: RandomSource
  readonly #time: ManualTime = manualTime()
  readonly #relay: SimulatedRelay
  readonly #oracle = new BudgetOracle()
  readonly #replicas: SimulatedReplica[] = []
  readonly #actors: string[]
  readonly #complaints: string[] = []
  #overspends = 0
  #crashes = 0
  #swaps = 0

  constructor(seed: number, { fault = 'none' }: BudgetWorldOptions) {
    this.#seed = seed
    this.#random = seededRandom(seed)
    const [time, random] = [this.#time, this.#random]
    this.#relay = new SimulatedRelay({ time, random, tellsSwaps: fault !== 'silent-swap' })
    const rules: BudgetRules = {
      skewMilliseconds: fault === 'wild-clocks' ? 0 : skewMillisecondsMax,
      ...(this.#chance(2) && { leaseMilliseconds: 800 + this.#below(3_000) }),
    }
    const reach = fault === 'wild-clocks' ? 2_000 : skewMillisecondsMax
    const count = 2 + this.#below(3)
    for (let index = 0; index < count; index++) {
      const skewMilliseconds = this.#below(2 * reach + 1) - reach
      // Two replicas may write in the name of one actor.
      const actor = `actor-${this.#chance(5) ? 0 : index}`
      const replica = { actor, time, random, relay: this.#relay, rules, skewMilliseconds, fault }
      this.#replicas.push(new SimulatedReplica(replica))
    }
    this.#actors = [...new Set(this.#replicas.map(({ actor }) => actor))]
    this.#mint(this.#replicas[0] as SimulatedReplica, 50 + this.#below(100))
  }

  async step(): Promise<void> {
    const replica = this.#pick(this.#replicas)
    if (this.#chance(5)) this.#disturb(replica)
    else this.#use(replica)
    const pause = this.#chance(6) ? this.#below(1_500) : this.#below(120)
    await this.#time.advanceAsync(pause)
    this.#check()
  }

  /**
   * All faults end, all that wait times out, and what is sent arrives; but one replica may stay
   * dead for long, with what only it knows. Then it comes back too.
   */
  async heal(): Promise<void> {
    const dead = this.#chance(2) ? this.#pick(this.#replicas) : undefined
    dead?.crash()
    for (const replica of this.#replicas) if (replica !== dead) this.#mend(replica)
    await this.#time.advanceAsync(12_000)
    this.#checkAgreement(dead === undefined)
    this.#checkLeases()
    await this.#drain()
    if (dead !== undefined) {
      this.#mend(dead)
      await this.#time.advanceAsync(12_000)
      this.#checkAgreement(true)
      await this.#drain()
    }
    for (const { budget } of this.#replicas) {
      if (budget === undefined) continue
      this.#complaints.push(...this.#oracle.complaints(budget, keys, this.#actors))
    }
  }

  /** Everybody spends all that they can: money that is there twice does not stay hidden. */
  async #drain(): Promise<void> {
    for (const replica of this.#replicas) {
      for (const key of keys) {
        const amount = replica.budget?.available(key) ?? 0
        if (amount > 0) this.#debit(replica, amount, key)
      }
    }
    await this.#time.advanceAsync(5_000)
    this.#check()
  }

  #mend(replica: SimulatedReplica): void {
    replica.start()
    replica.releaseDisk()
    replica.link()
  }

  result(): BudgetWorldResult {
    const count = (outcome: 'done' | 'refused' | 'open') => this.#oracle.count('debit', outcome)
    for (const replica of this.#replicas) replica.budget?.close()
    return {
      seed: this.#seed,
      overspends: this.#overspends,
      complaints: this.#complaints,
      debits: { done: count('done'), refused: count('refused'), open: count('open') },
      crashes: this.#crashes,
      swaps: this.#swaps,
    }
  }

  #disturb(replica: SimulatedReplica): void {
    switch (this.#below(10)) {
      case 0:
      case 1:
        if (replica.budget !== undefined) this.#crashes += 1
        replica.crash()
        return
      case 2:
        return replica.restart()
      case 3:
      case 4:
        return replica.unlink()
      case 5:
        return replica.holdDisk()
      case 6:
        return replica.releaseDisk()
      case 7:
        return replica.pull(this.#pick(this.#replicas))
      case 8:
        return this.#relay.backUp()
      default:
        if (this.#chance(2)) return this.#relay.backUp()
        this.#swaps += 1
        return this.#relay.restore()
    }
  }

  #use(replica: SimulatedReplica): void {
    if (replica.budget === undefined) {
      replica.start()
      return
    }
    const amount = 1 + this.#below(this.#chance(4) ? 60 : 12)
    const draw = this.#below(20)
    if (draw < 9) this.#debit(replica, amount)
    else if (draw < 11) this.#transfer(replica, amount)
    else if (draw < 12) this.#credit(replica, amount)
    else if (draw < 16) this.#grant(replica, amount)
    else if (draw < 17) this.#mint(replica, amount)
    else replica.link()
  }

  #mint(replica: SimulatedReplica, amount: number): void {
    const key = this.#pick(keys)
    this.#call('mint', replica, amount, key, undefined, replica.budget?.mint(key, amount))
  }

  #debit(replica: SimulatedReplica, amount: number, key: string = this.#pick(keys)): void {
    const timeoutMilliseconds = this.#below(3_000)
    const debit = replica.budget?.debit(key, amount, { timeoutMilliseconds })
    this.#call('debit', replica, amount, key, undefined, debit)
  }

  #credit(replica: SimulatedReplica, amount: number): void {
    const key = this.#pick(keys)
    this.#call('credit', replica, amount, key, undefined, replica.budget?.credit(key, amount))
  }

  #transfer(replica: SimulatedReplica, amount: number): void {
    const [from, to] = this.#chance(2) ? ['tokens', 'tools'] : ['tools', 'tokens']
    const timeoutMilliseconds = this.#below(1_000)
    const transfer = replica.budget?.transfer(from, to, amount, { timeoutMilliseconds })
    this.#call('transfer', replica, amount, from, to, transfer)
  }

  /** Grants change nobody's balance, so the oracle need not know of them. */
  #grant(replica: SimulatedReplica, amount: number): void {
    const other = this.#pick(this.#replicas).budget
    const { budget } = replica
    if (budget === undefined || other === undefined || other === budget) return
    const options = this.#chance(3) ? {} : { expiresInMilliseconds: 300 + this.#below(3_000) }
    budget.grant(this.#pick(keys), other.writer, amount, options).catch(() => undefined)
  }

  /** What starts in a call is written at once, so the note of the call is in time. */
  #call(
    call: Call,
    replica: SimulatedReplica,
    amount: number,
    key: string,
    to: string | undefined,
    answer: Promise<void> | undefined,
  ): void {
    const operation = this.#oracle.begin(call, replica.actor, amount, key, to)
    answer?.then(
      () => {
        operation.outcome = 'done'
      },
      (error: StatemeshError) => {
        // What was under way when its replica was closed may go either way.
        if (error.code !== 'CLOSED') operation.outcome = 'refused'
      },
    )
  }

  #check(): void {
    this.#overspends += this.#oracle.overspent(keys).length
  }

  /**
   * Everybody up reads the same, and every unit is with somebody. While one is dead, a spend that
   * it took back may still stand in its ledger, so less may seem left than there is.
   */
  #checkAgreement(complete: boolean): void {
    const up = this.#replicas.filter(({ budget }) => budget !== undefined)
    const texts = new Set<string>()
    for (const { budget, actor } of up) {
      if (budget === undefined) continue
      const told = keys.map(key => {
        const { spent, minted } = budget.ledger(key)
        const shares = budget.shares(key).sort((a, b) => a.writer - b.writer)
        const held = shares.reduce(
          (sum, share) => sum + share.plain + share.leased + share.pending,
          0,
        )
        const left = budget.balance(key)
        if (held < left || (complete && held > left)) {
          this.#complaints.push(
            `${actor}: ${held} of ${key} is held, ${budget.balance(key)} is left`,
          )
        }
        return [budget.balance(key), [...spent].sort(), [...minted].sort(), shares]
      })
      if (budget.problems().length > 0) this.#complaints.push(`${actor} left something out`)
      texts.add(JSON.stringify(told))
    }
    if (texts.size > 1) this.#complaints.push(`the replicas disagree: ${[...texts].join(' | ')}`)
  }

  /** What a replica that is up has leased comes back, whatever became of the holder. */
  #checkLeases(): void {
    // A relay that lost something may never vouch for what was leased before.
    if (this.#swaps > 0) return
    const up = this.#replicas.flatMap(({ budget }) => budget ?? [])
    const writers = new Set(up.map(({ writer }) => writer))
    for (const key of keys) {
      for (const { writer, leased, pending } of up[0]?.shares(key) ?? []) {
        if (writers.has(writer) && pending > 0) this.#complaints.push(`${pending} did not return`)
        if (leased > 0) this.#complaints.push(`${leased} of ${key} is leased for too long`)
      }
    }
  }

  /** True once in so many times. */
  #chance(times: number): boolean {
    return this.#below(times) === 0
  }

  #below(bound: number): number {
    return this.#random.uint32() % bound
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[this.#below(items.length)] as Item
  }
}
