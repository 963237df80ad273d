/**
 * One random run of replicas that write, delete and exchange updates, in random order and with
 * repetitions, checked against the causal oracle after every step.
 */
import * as Y from 'yjs'
import { type RandomSource, seededRandom } from '../../src/base/random.ts'
import { definePartition } from '../../src/model/partition-definition.ts'
import { openPartition } from '../../src/partition/open-partition.ts'
import type { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { manualTime } from '../support/manual-time.ts'
import { CausalOracle, type OracleWrite } from './causal-oracle.ts'
import { pull, type TestHost, testHost } from './replica-model.ts'

const Data = definePartition({ name: 'data', policy: 'last-write-wins' })
const keys = ['a', 'b', '__proto__']

interface Replica {
  readonly host: TestHost
  readonly partition: RegisterPartition
}

/** An update as it left its replica, with the writes in it. */
interface Letter {
  readonly update: Uint8Array
  readonly writes: readonly OracleWrite[]
}

export interface CausalRunResult {
  readonly steps: number
  /** How often a key was compared. */
  readonly comparisons: number
  /** How many of them were conflicts. */
  readonly conflicts: number
  /** Siblings that should have been there. */
  readonly missed: number
  /** Siblings that should not. */
  readonly invented: number
}

export function causalRun(seed: number, steps: number): CausalRunResult {
  const run = new CausalRun(seededRandom(seed))
  for (let step = 0; step < steps; step++) run.step()
  run.settle()
  return { steps, ...run.counts }
}

class CausalRun {
  readonly counts = { comparisons: 0, conflicts: 0, missed: 0, invented: 0 }
  readonly #random: RandomSource
  readonly #replicas: Replica[]
  readonly #oracle: CausalOracle
  readonly #letters: Letter[] = []
  #drafted: OracleWrite[] = []

  constructor(random: RandomSource) {
    this.#random = random
    const count = 2 + this.#below(4)
    this.#oracle = new CausalOracle(count)
    this.#replicas = Array.from({ length: count }, (_, index) => this.#open(index))
  }

  step(): void {
    const at = this.#below(this.#replicas.length)
    const choice = this.#below(10)
    if (choice < 4) this.#write(at, [this.#key()])
    else if (choice < 5) this.#write(at, keys)
    else if (choice < 6) this.#passTime(at)
    else if (choice < 7) this.#pull(this.#below(this.#replicas.length), at)
    else this.#deliver(at)
    this.#compare(at)
  }

  /** Everybody gets everything, and then all must agree. */
  settle(): void {
    for (const _ of [1, 2]) {
      for (let at = 1; at < this.#replicas.length; at++) this.#pull(at, 0)
      for (let at = 1; at < this.#replicas.length; at++) this.#pull(0, at)
    }
    this.#replicas.forEach((_, at) => {
      this.#compare(at)
    })
    const [first, ...others] = this.#replicas.map(({ partition }) => shown(partition))
    for (const other of others) if (other !== first) this.counts.missed += 1
  }

  #open(index: number): Replica {
    // Clocks that differ by more than a run lasts: order must come from causality alone.
    const time = manualTime(1_700_000_000_000 + this.#below(30_000))
    const host = testHost({ actor: `actor-${index % 3}`, writer: 1 + this.#below(2 ** 32), time })
    const partition = openPartition(Data, host)
    host.doc.on('update', (update: Uint8Array, _: unknown, __: unknown, { local }) => {
      if (local) this.#letters.push({ update, writes: this.#drafted })
    })
    return { host, partition }
  }

  #write(at: number, written: readonly string[]): void {
    const { partition, host } = this.#replica(at)
    this.#drafted = []
    partition.transact(() => {
      for (const key of written) {
        if (this.#below(4) > 0) partition.set(key, this.#random.uint32())
        else if (!partition.delete(key)) continue
        this.#drafted.push({ key } as OracleWrite)
      }
    })
    // The letter holds the same list; only now is known how the writes were stamped.
    this.#drafted.forEach(({ key }, index) => {
      const [own] = partition.siblings(key)
      const label = `${host.doc.clientID} ${own?.timestamp} ${String(own?.value)}`
      this.#drafted[index] = this.#oracle.write(at, key, label)
    })
  }

  #passTime(at: number): void {
    this.#replica(at).host.time.advance(this.#below(3))
  }

  #pull(from: number, to: number): void {
    pull(this.#replica(from).host, this.#replica(to).host)
    this.#oracle.pull(from, to)
  }

  /** A letter, new or already known, reaches a replica that has what it builds on. */
  #deliver(at: number): void {
    if (this.#letters.length === 0) return
    const letter = this.#letters[this.#below(this.#letters.length)] as Letter
    const { update, writes } = letter
    const next = writes.some(write => this.#oracle.isNext(at, write))
    if (!next && !writes.every(write => this.#oracle.knows(at, write))) return
    Y.applyUpdate(this.#replica(at).host.doc, update)
    for (const write of writes) this.#oracle.deliver(at, write)
  }

  #compare(at: number): void {
    const { partition } = this.#replica(at)
    for (const key of keys) {
      const siblings = partition.siblings(key)
      const found = new Set(
        siblings.map(({ writer, timestamp, value }) => `${writer} ${timestamp} ${String(value)}`),
      )
      const expected = new Set(this.#oracle.labels(at, key))
      this.counts.comparisons += 1
      if (expected.size > 1) this.counts.conflicts += 1
      for (const label of expected) if (!found.has(label)) this.counts.missed += 1
      for (const label of found) if (!expected.has(label)) this.counts.invented += 1
    }
  }

  #replica(at: number): Replica {
    return this.#replicas[at] as Replica
  }

  #key(): string {
    return keys[this.#below(keys.length)] as string
  }

  #below(end: number): number {
    return this.#random.uint32() % end
  }
}

function shown(partition: RegisterPartition): string {
  return JSON.stringify([...partition.entries()].sort(([a], [b]) => (a < b ? -1 : 1)))
}
