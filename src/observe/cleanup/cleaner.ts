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
import { type DocumentName, documentName } from '../../model/document-name.ts'
import { globalScope, type Scope } from '../../model/scope.ts'
import { scopePattern } from '../../model/scope-pattern.ts'
import type { LogPartition } from '../../partition/log/log-partition.ts'
import type { AnyPartitionDefinition } from '../../partition/open-partition.ts'
import type { RegisterPartition } from '../../partition/register/register-partition.ts'
import type { StateReplica } from '../../state/replica-port.ts'
import type { Layer } from '../../storage/layers/layer.ts'
import { type ArchivedBatch, CleanupArchive } from './cleanup-archive.ts'
import {
  type DueKey,
  deleteFound,
  dueEntries,
  dueKeys,
  dueTombstones,
  fieldOf,
  lastWritten,
  timeOf,
} from './due.ts'
import { Pacer } from './pacer.ts'
import {
  parseRetentionRule,
  Retention,
  type RetentionRule,
  type RetentionRuleInput,
} from './retention-rule.ts'

/** What cleanup needs of a replica; `Replica` is one. */
export interface CleanupReplica extends StateReplica {
  scopes(definition: AnyPartitionDefinition): Promise<readonly Scope[]>
}

/** A document that is there. */
interface Stored {
  readonly name: DocumentName
  readonly scope: Scope
  readonly definition: AnyPartitionDefinition
}

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

type Handle = RegisterPartition | LogPartition
type Due =
  | { readonly does: 'delete'; readonly keys: readonly DueKey[] }
  | { readonly does: 'trim'; readonly entries: ReturnType<typeof dueEntries> }
  | { readonly does: 'reap'; readonly names: readonly string[]; readonly before: number }
type Batch = Due & { readonly document: string; readonly rule: string; readonly handle: Handle }

const operationsDefault = 10_000
const millisecondsDefault = 1_000
const sampleMax = 10

/**
 * Opens cleanup on a replica, and the rules that are kept as state.
 *
 * @throws OPTION_INVALID for a rule that is none, a rule that archives where there is no archive,
 * or a partition that is neither registers nor a log; as `Replica.open` does
 */
export async function openCleaner(
  replica: CleanupReplica,
  options: CleanerOptions,
): Promise<Cleaner> {
  for (const { name, policy } of options.partitions) {
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
    this.#stop = () => {
      stopped = true
      cancel()
    }
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
    for await (const batch of this.#due(pacer, problems, execute)) {
      if (count >= operationsMax || this.#time.monotonic() >= end || signal?.aborted) {
        complete = false
        break
      }
      const done = execute ? await this.#execute(batch) : sizeOf(batch)
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

  /** All that is due, document by document; each is closed before the next is opened. */
  async *#due(
    pacer: Pacer,
    problems: StatemeshError[],
    execute: boolean,
  ): AsyncIterableIterator<Batch> {
    const stored: Stored[] = []
    for (const definition of this.#options.partitions) {
      for (const scope of await this.#replica.scopes(definition)) {
        stored.push({ name: documentName(scope, definition.name), scope, definition })
      }
    }
    for (const [rule, settings] of this.#rules(problems)) {
      const fits = scopePattern(settings.scope)
      const found = stored.filter(({ scope, definition }) => {
        return fits(scope) && (settings.does === 'retire' || settings.partition === definition.name)
      })
      const active = new Map<string, Promise<boolean>>()
      for (const { name, scope, definition } of found) {
        const close: { close(): void }[] = []
        const open = async (of: AnyPartitionDefinition) => {
          const handle = (await this.#replica.open(scope, of)) as unknown as Handle
          close.push(handle)
          return handle
        }
        try {
          if (settings.does === 'retire') {
            const within = stored.filter(other => String(other.scope) === String(scope))
            let idle = active.get(String(scope))
            idle ??= this.#isIdle(within, settings.afterMilliseconds, pacer)
            active.set(String(scope), idle)
            if (!(await idle)) continue
          }
          const handle = await open(definition)
          for await (const due of this.#dueIn(handle, settings, pacer, { open, execute })) {
            yield { ...due, document: name, rule, handle }
          }
        } catch (thrown) {
          const { code, message } = toStatemeshError(thrown, 'OPTION_INVALID')
          if (code === 'CLOSED') throw thrown
          problems.push(new StatemeshError(code, `${rule}: ${name}: ${message}`, { cause: thrown }))
        } finally {
          for (const handle of close) handle.close()
        }
      }
    }
  }

  async #isIdle(
    documents: readonly Stored[],
    afterMilliseconds: number,
    pacer: Pacer,
  ): Promise<boolean> {
    for (const { scope, definition } of documents) {
      const handle = (await this.#replica.open(scope, definition)) as unknown as Handle
      try {
        const last = await lastWritten(handle, pacer)
        if (last !== undefined && last >= this.#time.now() - afterMilliseconds) return false
      } finally {
        handle.close()
      }
    }
    return true
  }

  async *#dueIn(
    handle: Handle,
    rule: RetentionRule,
    pacer: Pacer,
    using: {
      open(definition: AnyPartitionDefinition): Promise<Handle>
      execute: boolean
    },
  ): AsyncIterableIterator<Due> {
    const before = this.#time.now() - rule.afterMilliseconds
    if ('append' in handle) {
      if (rule.does !== 'trim' && rule.does !== 'retire') throw unfit(rule, 'registers')
      const end = rule.does === 'retire' ? Number.POSITIVE_INFINITY : before
      if (!using.execute) yield { does: 'trim', entries: handle.trimmable(end) }
      else {
        for (let entries = dueEntries(handle, end); entries.length > 0; ) {
          yield { does: 'trim', entries }
          entries = dueEntries(handle, end)
        }
      }
      return
    }
    if (rule.does === 'trim') throw unfit(rule, 'a log')
    if (rule.does === 'reap') {
      for await (const names of dueTombstones(handle, pacer, before)) {
        yield { does: 'reap', names, before }
      }
      return
    }
    const isDue = await this.#isDue(rule, before, using.open)
    for await (const keys of dueKeys(handle, pacer, isDue)) yield { does: 'delete', keys }
  }

  async #isDue(
    rule: Exclude<RetentionRule, { does: 'trim' | 'reap' }>,
    before: number,
    open: (definition: AnyPartitionDefinition) => Promise<Handle>,
  ): Promise<(found: DueKey) => boolean> {
    if (rule.does === 'retire') return () => true
    if (rule.does === 'expire') {
      return found => (timeOf(found, rule.field) ?? Number.POSITIVE_INFINITY) < before
    }
    const definition = this.#options.partitions.find(({ name }) => name === rule.parent)
    if (definition === undefined) throw unfit(rule, `the partition ${rule.parent}`)
    const parents = await open(definition)
    if ('append' in parents) throw unfit(rule, 'registers as parents')
    return found => {
      const { field } = rule
      const parent = field === undefined ? found.key : fieldOf(found.value, field)
      if (typeof parent !== 'string' || parents.has(parent)) return false
      return (timeOf(found, undefined) as number) < before
    }
  }

  async #execute(batch: Batch): Promise<number> {
    const { handle, document, rule } = batch
    if (batch.does === 'reap') return (handle as RegisterPartition).reap(batch.names, batch.before)
    const archive = this.#archives(rule) ? this.#archive : undefined
    if (batch.does === 'delete') {
      await archive?.write({ document, rule, kind: 'keys', entries: batch.keys.map(entryOf) })
      return deleteFound(handle as RegisterPartition, batch.keys)
    }
    const entries = batch.entries.map(({ writer, seq, ...entry }) => {
      return entryOf({ ...entry, key: `${writer}:${seq}` })
    })
    await archive?.write({ document, rule, kind: 'log', entries })
    return (handle as LogPartition).trim(batch.entries)
  }

  #archives(name: string): boolean {
    const input = this.#options.rules?.[name] ?? this.retention.get(name)
    const rule = parseRetentionRule(name, input)
    return 'archive' in rule && rule.archive
  }
}

function entryOf({ key, value, actor, timestamp }: Omit<DueKey, 'writer'>) {
  return { key, value, actor, timestamp }
}

function sizeOf(batch: Batch): number {
  if (batch.does === 'delete') return batch.keys.length
  return batch.does === 'trim' ? batch.entries.length : batch.names.length
}

function note(items: Map<string, CleanupItem>, batch: Batch, count: number): void {
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

function unfit({ does }: RetentionRule, what: string): StatemeshError {
  return new StatemeshError('OPTION_INVALID', `"${does}" needs ${what}`)
}
