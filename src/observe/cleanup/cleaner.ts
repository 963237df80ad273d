/**
 * Cleanup: looks at what this replica has on disk, and takes away what its rules no longer keep,
 * after it was archived, a bounded amount at a time.
 *
 * Every removal is an ordinary change that others merge, so several replicas may clean up at once,
 * by clocks that differ: what was not seen here stays, a write that did not see the removal of its
 * key is in conflict with it, and nothing that was removed comes back. Nothing is remembered
 * between two runs: what is due is found again, so a run can stop anywhere.
 */
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import { systemTime, type TimeSource } from '../../base/time.ts'
import { globalScope, type Scope } from '../../model/scope.ts'
import type { AnyPartitionDefinition } from '../../partition/open-partition.ts'
import type { RegisterPartition } from '../../partition/register/register-partition.ts'
import type { Layer } from '../../storage/layers/layer.ts'
import { type ArchivedBatch, CleanupArchive } from './cleanup-archive.ts'
import { type CleanupReplica, type DueBatch, DueSearch } from './due-search.ts'
import { Pacer } from './pacer.ts'
import {
  parseRetentionRule,
  Retention,
  type RetentionRule,
  type RetentionRuleInput,
} from './retention-rule.ts'
import { takeAway } from './take-away.ts'

export interface CleanerOptions {
  /** What rules are about: registers and logs; of a module its `partition`. */
  partitions: readonly AnyPartitionDefinition[]
  /** Rules of this process alone, by name. Those in `retention` come after them. */
  rules?: { readonly [name: string]: RetentionRuleInput }
  /** Where what is taken away is kept; `openArchiveLayer` for one on disk. Stays the caller's. */
  archive?: Layer
  time?: TimeSource
}

export interface CleanupBudget {
  /** Keys, entries and tombstones; 10,000 unless given. */
  operationsMax?: number
  /** 1,000 unless given. */
  millisecondsMax?: number
  signal?: AbortSignal
}

/** What a rule takes from a document, or would take. */
export interface CleanupItem {
  readonly rule: string
  readonly document: string
  readonly does: 'delete' | 'trim' | 'reap'
  readonly count: number
  /** Some of the keys, to look at. */
  readonly keys: readonly string[]
}

export interface CleanupReport {
  readonly items: readonly CleanupItem[]
  /** The sum of the counts. */
  readonly count: number
  /** False where the budget ended first: run again. */
  readonly complete: boolean
  /** Rules and documents that could not be looked at; the others were. */
  readonly problems: readonly StatemeshError[]
}

const operationsDefault = 10_000
const millisecondsDefault = 1_000
const sampleMax = 10

/**
 * Opens cleanup on a replica, and the rules that are kept as state.
 *
 * @throws OPTION_INVALID for a rule that is none, a rule that archives where there is no archive,
 * or a partition that is neither registers nor a log, or is a permanent one; as `Replica.open` does
 */
export async function openCleaner(
  replica: CleanupReplica,
  options: CleanerOptions,
): Promise<Cleaner> {
  for (const { name, policy, permanent } of options.partitions) {
    if (permanent) {
      throw new StatemeshError('OPTION_INVALID', `${name}: a permanent log is not cleaned up`)
    }
    if (policy !== 'crdt' && policy !== 'counter' && policy !== 'budget') continue
    throw new StatemeshError('OPTION_INVALID', `${name}: a ${policy} is not cleaned up`)
  }
  for (const [name, rule] of Object.entries(options.rules ?? {})) {
    checkArchive(name, parseRetentionRule(name, rule), options)
  }
  const retention = await replica.open(globalScope, Retention)
  return new Cleaner(replica, options, retention as RegisterPartition<RetentionRuleInput>)
}

export class Cleaner {
  /** The rules that all replicas share, by name; one is not in force where it is none. */
  readonly retention: RegisterPartition<RetentionRuleInput>
  readonly #replica: CleanupReplica
  readonly #options: CleanerOptions
  readonly #time: TimeSource
  readonly #archive: CleanupArchive | undefined
  #stop: (() => void) | undefined
  #running: Promise<unknown> = Promise.resolve()

  /** Not for users: `openCleaner` makes it. */
  constructor(
    replica: CleanupReplica,
    options: CleanerOptions,
    retention: RegisterPartition<RetentionRuleInput>,
  ) {
    const { time = systemTime, archive } = options
    this.#replica = replica
    this.#options = options
    this.#time = time
    this.#archive = archive && new CleanupArchive(archive, time)
    this.retention = retention
  }

  /** What `run` would do without a budget; nothing is changed. @throws CLOSED */
  plan(): Promise<CleanupReport> {
    return this.#inTurn(() => this.#go({ operationsMax: Number.POSITIVE_INFINITY }, false))
  }

  /**
   * Takes away what is due, until the budget is used up: a batch that was
   * begun is finished. What is to be archived is there before it goes.
   *
   * @throws CLOSED, STORAGE_UNAVAILABLE and others of the archive (what was not archived stays)
   */
  run(budget: CleanupBudget = {}): Promise<CleanupReport> {
    return this.#inTurn(() => this.#go(budget, true))
  }

  /**
   * Runs now and then, until `stop`. What a run could not finish is left to the next.
   *
   * @param told called with every report, and with what a run failed with
   */
  start(
    everyMilliseconds: number,
    told: (outcome: CleanupReport | StatemeshError) => void,
    budget: CleanupBudget = {},
  ): void {
    this.stop()
    let stopped = false
    let cancel = () => {}
    const next = async () => {
      await this.run(budget).then(told, thrown => told(toStatemeshError(thrown, 'CLOSED')))
      if (!stopped) cancel = this.#time.after(everyMilliseconds, next)
    }
    const stop = () => {
      stopped = true
      cancel()
    }
    this.#stop = stop
    void next()
  }

  stop(): void {
    this.#stop?.()
    this.#stop = undefined
  }

  /** What was archived of a document. @throws OPTION_INVALID without an archive, STORAGE_CORRUPT */
  archived(document: string): AsyncIterableIterator<ArchivedBatch> {
    if (this.#archive !== undefined) return this.#archive.batches(document)
    throw new StatemeshError('OPTION_INVALID', 'there is no archive')
  }

  /**
   * Writes keys that were archived again, the latest of each, where the key has no value now. They
   * count as written now. (Entries of a log keep their place in the archive: read them there.)
   *
   * @returns how many keys
   * @throws VALUE_INVALID where they break the schema by now (nothing is written), as `archived` does
   */
  async restore(
    scope: Scope,
    definition: AnyPartitionDefinition,
    keys?: Iterable<string>,
  ): Promise<number> {
    const wanted = keys && new Set(keys)
    const latest = new Map<string, { value: unknown; timestamp: number }>()
    for await (const { kind, entries } of this.archived(`${scope}/${definition.name}`)) {
      for (const { key, value, timestamp } of kind === 'keys' ? entries : []) {
        if (wanted?.has(key) === false || (latest.get(key)?.timestamp ?? -1) >= timestamp) continue
        latest.set(key, { value, timestamp })
      }
    }
    const registers = (await this.#replica.open(scope, definition)) as unknown as RegisterPartition
    try {
      const gone = [...latest].filter(([key]) => !registers.has(key))
      registers.transact(() => {
        for (const [key, { value }] of gone) registers.set(key, value)
      })
      return gone.length
    } finally {
      registers.close()
    }
  }

  /** Ends it, after the run that is under way. */
  async close(): Promise<void> {
    this.stop()
    await this.#running
    this.retention.close()
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#running.then(work)
    this.#running = result.catch(() => undefined)
    return result
  }

  async #go(budget: CleanupBudget, execute: boolean): Promise<CleanupReport> {
    const { operationsMax = operationsDefault, signal } = budget
    const { millisecondsMax = execute ? millisecondsDefault : Number.POSITIVE_INFINITY } = budget
    const end = this.#time.monotonic() + millisecondsMax
    const problems: StatemeshError[] = []
    const items = new Map<string, CleanupItem>()
    let count = 0
    let complete = true
    const pacer = new Pacer(this.#time)
    const search = new DueSearch({
      ...{ replica: this.#replica, partitions: this.#options.partitions, time: this.#time },
      ...{ pacer, execute, report: problem => problems.push(problem) },
    })
    for await (const batch of search.batches(this.#rules(problems))) {
      if (count >= operationsMax || this.#time.monotonic() >= end || signal?.aborted) {
        complete = false
        break
      }
      const done = execute ? await takeAway(batch, this.#archive) : sizeOf(batch)
      count += done
      note(items, batch, done)
      if (execute) await pacer.turn()
    }
    return Object.freeze({ items: [...items.values()], count, complete, problems })
  }

  #rules(problems: StatemeshError[]): [name: string, rule: RetentionRule][] {
    const given = Object.entries(this.#options.rules ?? {})
    return [...given, ...this.retention.entries()].flatMap(([name, input]) => {
      try {
        const rule = parseRetentionRule(name, input)
        checkArchive(name, rule, this.#options)
        return [[name, rule] as [string, RetentionRule]]
      } catch (thrown) {
        problems.push(toStatemeshError(thrown, 'OPTION_INVALID'))
        return []
      }
    })
  }
}

function sizeOf(batch: DueBatch): number {
  if (batch.does === 'delete') return batch.keys.length
  return batch.does === 'trim' ? batch.entries.length : batch.names.length
}

function note(items: Map<string, CleanupItem>, batch: DueBatch, count: number): void {
  const { rule, document, does } = batch
  if (count === 0) return
  const id = `${rule}\0${document}`
  const before = items.get(id)
  const names = does === 'delete' ? batch.keys.map(({ key }) => key) : []
  const keys = [...(before?.keys ?? []), ...(does === 'reap' ? batch.names : names)]
  const sum = count + (before?.count ?? 0)
  items.set(id, { rule, document, does, count: sum, keys: keys.slice(0, sampleMax) })
}

/** @throws OPTION_INVALID */
function checkArchive(name: string, rule: RetentionRule, { archive }: CleanerOptions): void {
  if (!('archive' in rule) || !rule.archive || archive !== undefined) return
  throw new StatemeshError('OPTION_INVALID', `the rule "${name}" archives, and there is no archive`)
}
