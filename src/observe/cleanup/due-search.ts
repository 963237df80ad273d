/** Finds what is due under rules, document by document, in batches that are taken away one at a time. */
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import type { TimeSource } from '../../base/time.ts'
import { type DocumentName, documentName } from '../../model/document-name.ts'
import type { Scope } from '../../model/scope.ts'
import { scopePattern } from '../../model/scope-pattern.ts'
import type { LogEntry, LogPartition } from '../../partition/log/log-partition.ts'
import type { AnyPartitionDefinition } from '../../partition/open-partition.ts'
import type { RegisterPartition } from '../../partition/register/register-partition.ts'
import type { StateReplica } from '../../state/replica-port.ts'
import {
  type CleanedPartition,
  type DueKey,
  dueEntries,
  dueKeys,
  dueTombstones,
  fieldOf,
  timeOf,
} from './due.ts'
import type { Pacer } from './pacer.ts'
import type { ClearOrphansRule, ExpireRule, RetentionRule, RetireRule } from './retention-rule.ts'
import { ScopeWatch } from './scope-watch.ts'

/** What cleanup needs of a replica; `Replica` is one. */
export interface CleanupReplica extends StateReplica {
  scopes(definition: AnyPartitionDefinition): Promise<readonly Scope[]>
}

/** What is due. `isDue` says whether it is still, to be asked in the turn in which it goes. */
type Due =
  | {
      readonly does: 'delete'
      readonly handle: RegisterPartition
      readonly keys: readonly DueKey[]
      isDue(found: DueKey): boolean
    }
  | {
      readonly does: 'trim'
      readonly handle: LogPartition
      readonly entries: readonly LogEntry<unknown>[]
      isDue(): boolean
    }
  | {
      readonly does: 'reap'
      readonly handle: RegisterPartition
      readonly names: readonly string[]
      readonly before: number
    }

type FoundDue = Due & { readonly document: string }

export type DueBatch = FoundDue & {
  readonly rule: string
  /** Whether it is archived before it goes. */
  readonly archive: boolean
}

/** A document that is there. */
interface Stored {
  readonly name: DocumentName
  readonly scope: Scope
  readonly definition: AnyPartitionDefinition
}

/** One that is open. */
interface Found {
  readonly document: string
  readonly scope: Scope
  readonly handle: CleanedPartition
}

/** Rules about one partition of a scope; the other is about all that it has. */
type PartitionRule = Exclude<RetentionRule, RetireRule>

type Open = (scope: Scope, definition: AnyPartitionDefinition) => Promise<CleanedPartition>

export interface DueSearchOptions {
  replica: CleanupReplica
  partitions: readonly AnyPartitionDefinition[]
  time: TimeSource
  pacer: Pacer
  /** Whether each batch is taken away before the next is asked for. */
  execute: boolean
  /** Told of documents that could not be looked at; the others are. */
  report(problem: StatemeshError): void
}

export class DueSearch {
  readonly #options: DueSearchOptions

  constructor(options: DueSearchOptions) {
    this.#options = options
  }

  /**
   * All that is due. Each document is closed before the next is opened, but for those of a scope that
   * is retired.
   *
   * @throws CLOSED
   */
  async *batches(
    rules: Iterable<readonly [name: string, rule: RetentionRule]>,
  ): AsyncIterableIterator<DueBatch> {
    const stored = await this.#stored()
    for (const [name, rule] of rules) {
      for (const documents of groupsOf(rule, stored)) {
        const opened: CleanedPartition[] = []
        const open: Open = async (scope, definition) => {
          const handle = await this.#options.replica.open(scope, definition)
          opened.push(handle as unknown as CleanedPartition)
          return handle as unknown as CleanedPartition
        }
        try {
          yield* this.#dueOf(documents, name, rule, open)
        } catch (thrown) {
          const { code, message } = toStatemeshError(thrown, 'OPTION_INVALID')
          if (code === 'CLOSED') throw thrown
          const names = documents.map(document => document.name).join(', ')
          const why = `${name}: ${names}: ${message}`
          this.#options.report(new StatemeshError(code, why, { cause: thrown }))
        } finally {
          for (const handle of opened) handle.close()
        }
      }
    }
  }

  async #stored(): Promise<Stored[]> {
    const { replica, partitions } = this.#options
    const stored: Stored[] = []
    for (const definition of partitions) {
      for (const scope of await replica.scopes(definition)) {
        stored.push({ name: documentName(scope, definition.name), scope, definition })
      }
    }
    return stored
  }

  async *#dueOf(
    documents: readonly Stored[],
    rule: string,
    settings: RetentionRule,
    open: Open,
  ): AsyncIterableIterator<DueBatch> {
    const before = this.#options.time.now() - settings.afterMilliseconds
    const archive = settings.does !== 'reap' && settings.archive
    const found: Found[] = []
    for (const { name, scope, definition } of documents) {
      found.push({ document: name, scope, handle: await open(scope, definition) })
    }
    const due =
      settings.does === 'retire'
        ? this.#retired(found, before)
        : this.#dueEach(found, settings, before, open)
    for await (const batch of due) yield { ...batch, rule, archive }
  }

  async *#retired(found: readonly Found[], before: number): AsyncIterableIterator<FoundDue> {
    const watch = new ScopeWatch(found.map(({ handle }) => handle))
    if (!(await watch.isIdle(before, this.#options.pacer))) return
    const isDue = () => !watch.written
    for (const { document, handle } of found) {
      const due =
        'append' in handle
          ? this.#entries(handle, Number.POSITIVE_INFINITY, isDue)
          : this.#keys(handle, isDue)
      for await (const batch of due) {
        if (watch.written) return
        yield { ...batch, document }
      }
    }
  }

  async *#dueEach(
    found: readonly Found[],
    rule: PartitionRule,
    before: number,
    open: Open,
  ): AsyncIterableIterator<FoundDue> {
    for (const { document, scope, handle } of found) {
      const due = this.#dueIn(handle, rule, before, parent => open(scope, parent))
      for await (const batch of due) yield { ...batch, document }
    }
  }

  async *#dueIn(
    handle: CleanedPartition,
    rule: PartitionRule,
    before: number,
    open: (definition: AnyPartitionDefinition) => Promise<CleanedPartition>,
  ): AsyncIterableIterator<Due> {
    if ('append' in handle) {
      if (rule.does !== 'trim') throw unfit(rule, 'registers')
      yield* this.#entries(handle, before, () => true)
    } else if (rule.does === 'trim') throw unfit(rule, 'a log')
    else if (rule.does === 'reap') {
      for await (const names of dueTombstones(handle, this.#options.pacer, before)) {
        yield { does: 'reap', handle, names, before }
      }
    } else yield* this.#keys(handle, await this.#isDue(rule, before, open))
  }

  async *#keys(
    handle: RegisterPartition,
    isDue: (found: DueKey) => boolean,
  ): AsyncIterableIterator<Due> {
    for await (const keys of dueKeys(handle, this.#options.pacer, isDue)) {
      yield { does: 'delete', handle, keys, isDue }
    }
  }

  async *#entries(
    handle: LogPartition,
    before: number,
    isDue: () => boolean,
  ): AsyncIterableIterator<Due> {
    if (!this.#options.execute) {
      yield { does: 'trim', handle, entries: handle.trimmable(before), isDue }
      return
    }
    for (let entries = dueEntries(handle, before); entries.length > 0; ) {
      yield { does: 'trim', handle, entries, isDue }
      entries = dueEntries(handle, before)
    }
  }

  async #isDue(
    rule: ExpireRule | ClearOrphansRule,
    before: number,
    open: (definition: AnyPartitionDefinition) => Promise<CleanedPartition>,
  ): Promise<(found: DueKey) => boolean> {
    if (rule.does === 'expire') {
      return found => (timeOf(found, rule.field) ?? Number.POSITIVE_INFINITY) < before
    }
    const definition = this.#options.partitions.find(({ name }) => name === rule.parent)
    if (definition === undefined) throw unfit(rule, `the partition ${rule.parent}`)
    const parents = await open(definition)
    if ('append' in parents) throw unfit(rule, 'registers as parents')
    // One whose deletion is in dispute is there, whatever is read meanwhile.
    const isThere = (key: string) => parents.siblings(key).some(({ deleted }) => !deleted)
    return found => {
      const { field } = rule
      const parent = field === undefined ? found.key : fieldOf(found.value, field)
      if (typeof parent !== 'string' || isThere(parent)) return false
      return (timeOf(found, undefined) as number) < before
    }
  }
}

/** What a rule is about, in groups that are looked at together: of one scope to retire, else one by one. */
function groupsOf(rule: RetentionRule, stored: readonly Stored[]): Iterable<readonly Stored[]> {
  const fits = scopePattern(rule.scope)
  const found = stored.filter(({ scope }) => fits(scope))
  if (rule.does !== 'retire') {
    return found.filter(({ definition }) => definition.name === rule.partition).map(one => [one])
  }
  const byScope = new Map<string, Stored[]>()
  for (const document of found) {
    const scope = String(document.scope)
    const others = byScope.get(scope)
    if (others === undefined) byScope.set(scope, [document])
    else others.push(document)
  }
  return byScope.values()
}

function unfit({ does }: RetentionRule, what: string): StatemeshError {
  return new StatemeshError('OPTION_INVALID', `"${does}" needs ${what}`)
}
