/**
 * The handle on a partition of registers whose values have had several forms: it shows all in the
 * form of its definition's version, and writes so that replicas on older versions can read it as
 * long as the steps lead back.
 */
import { Emitter } from '../../base/emitter.ts'
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import { parseActorId } from '../../model/id.ts'
import type {
  AnyPolicyChoice,
  PartitionDefinition,
  Sibling,
} from '../../model/partition-definition.ts'
import type { Scope } from '../../model/scope.ts'
import { canonicalText, decodeValue, encodeValue, freezeValue, handOut } from '../../model/value.ts'
import { type Conflict, PickedSibling, type ResolveOptions } from '../../partition/inbox/inbox.ts'
import { parseValue } from '../../partition/parse-value.ts'
import { choosePolicy } from '../../partition/policy/choose-policy.ts'
import type { Policy } from '../../partition/policy/policy.ts'
import { checkKey } from '../../partition/register/register-entry.ts'
import type { RegisterPartition } from '../../partition/register/register-partition.ts'
import { assertSynchronous } from '../../partition/synchronous.ts'
import { openTogether } from '../open-together.ts'
import type { HistoryReplica } from '../replica-port.ts'
import { type MigrationsDefinition, storedPartition } from './migration-definition.ts'
import {
  dryRun,
  keysWithValues,
  type MigrationFailure,
  type MigrationPlan,
} from './migration-run.ts'
import { type Migration, SchemaState, schemaPartition } from './schema-state.ts'
import { readForm, storedForm, upgrade } from './stored-form.ts'

/** A key whose entries changed. */
export interface MigratedChange<Value> {
  readonly key: string
  /** What the key reads as now; undefined for absent, and where it cannot be read. */
  readonly value: Value | undefined
  readonly origin: 'local' | 'remote'
}

export interface SchemaStatus {
  /** The version of this replica's definition. */
  readonly version: number
  /** The version that was migrated to: writes are readable from it on. */
  readonly active: number
  /** How many entries are stored in each version; a step is needed while there are earlier ones. */
  readonly entries: { readonly [version: string]: number }
  readonly migrations: readonly Migration[]
}

/** What a migration has done, or would do. */
export interface MigrationReport<Value = unknown> extends MigrationPlan<Value> {
  readonly from: number
  readonly to: number
}

export interface MigrateOptions {
  /** The version of the definition unless given. */
  to?: number
  from?: number
  dryRun?: boolean
}

/** What a transaction is to write; undefined for a deletion. */
interface Write<Value> {
  readonly value: Value
  readonly stored: unknown
}

interface Parts<Value> {
  definition: MigrationsDefinition<Value>
  actor: string
  registers: RegisterPartition<unknown>
  schema: SchemaState
}

/**
 * Opens a partition of a scope with its migrations.
 *
 * @param options.actor in whose name this handle writes; the replica's own without it
 * @throws as `Replica.open` does
 */
export async function openMigrated<Value, Chosen extends AnyPolicyChoice>(
  replica: HistoryReplica,
  scope: Scope,
  definition: MigrationsDefinition<Value, Chosen>,
  options: { actor?: string } = {},
): Promise<MigratedPartition<Value>> {
  const { actor = replica.actor } = options
  const [registers, marks] = await openTogether([
    replica.open(scope, storedPartition(definition), { actor }),
    replica.open(scope, schemaPartition(definition as MigrationsDefinition), { actor }),
  ])
  const schema = new SchemaState(marks, definition.owner)
  return new MigratedPartition({ definition, actor, registers, schema })
}

export class MigratedPartition<Value = unknown> {
  readonly #parts: Parts<Value>
  readonly #policy: Policy
  readonly #listeners = new Emitter<{
    change: readonly MigratedChange<Value>[]
    problem: StatemeshError
  }>()
  readonly #leave: () => void
  /** The keys with an entry below the version of the definition. */
  readonly #below = new Set<string>()
  /** What frozen stored values were brought to. */
  readonly #upgraded = new WeakMap<object, unknown>()
  #writes: Map<string, Write<Value> | undefined> | undefined

  /** Not for users: `openMigrated` makes it. */
  constructor(parts: Parts<Value>) {
    this.#parts = parts
    this.#policy = choosePolicy(parts.definition.of as PartitionDefinition, {
      checkOrder: false,
      report: problem => this.#listeners.emit('problem', problem),
    })
    for (const key of keysWithValues(parts.registers)) this.#look(key)
    this.#leave = parts.registers.subscribe(changes => {
      for (const { key } of changes) this.#look(key)
      if (!this.#listeners.has('change')) return
      const told = changes.map(({ key, origin }) => {
        return Object.freeze({ key, value: this.#readable(key), origin })
      })
      this.#listeners.emit('change', told)
    })
  }

  /**
   * Writes a value.
   *
   * @throws KEY_INVALID, VALUE_INVALID, MIGRATION_PENDING when replicas on the active version could
   * not read it, MIGRATION_FAILED when a step down throws, SCHEMA_NEWER when the key holds what this
   * version cannot read, CLOSED; nothing was written
   */
  set(key: string, value: Value): void {
    checkKey(key)
    this.#checkReadable(key)
    const write = this.#prepare(key, value)
    if (this.#writes === undefined) this.#parts.registers.set(key, write.stored)
    else this.#writes.set(key, write)
  }

  /** Deletes a key. @returns false if there was nothing @throws as `set` does */
  delete(key: string): boolean {
    checkKey(key)
    this.#checkReadable(key)
    if (this.#writes === undefined) return this.#parts.registers.delete(key)
    const present = this.has(key)
    this.#writes.set(key, undefined)
    return present
  }

  /**
   * What the key reads as, by the policy, in the form of this version; undefined if absent.
   *
   * @throws SCHEMA_NEWER when it was written in a newer form only, MIGRATION_FAILED when a step
   * throws, CLOSED
   */
  get(key: string): Value | undefined {
    if (this.#writes?.has(key)) return this.#writes.get(key)?.value
    return this.#decide(this.siblings(key))
  }

  /** Whether the key reads as present. @throws as `get` does */
  has(key: string): boolean {
    return this.get(key) !== undefined
  }

  /** The keys that can be read and read as present; `problems` lists the others. @throws CLOSED */
  *keys(): IterableIterator<string> {
    for (const [key] of this.entries()) yield key
  }

  /** Those keys with what they read as. @throws CLOSED */
  *entries(): IterableIterator<[string, Value]> {
    const { registers } = this.#parts
    for (const key of new Set([...registers.keys(), ...(this.#writes?.keys() ?? [])])) {
      const value = this.#readable(key)
      if (value !== undefined) yield [key, value]
    }
  }

  [Symbol.iterator](): IterableIterator<[string, Value]> {
    return this.entries()
  }

  /** How many keys there are. Reads all of them. @throws CLOSED */
  get size(): number {
    return [...this.keys()].length
  }

  /** The entries of a key in the form of this version, the winner first. @throws as `get` does */
  siblings(key: string): readonly Sibling<Value>[] {
    return this.#parts.registers.siblings(key).map(sibling => this.#upgrade(key, sibling))
  }

  /**
   * Writes several keys as one; if `fn` or a write throws, nothing is written.
   *
   * @throws OPTION_INVALID if `fn` is asynchronous, CLOSED, and what `fn` throws
   */
  transact<Result>(fn: () => Result): Result {
    if (this.#writes !== undefined) return fn()
    const writes = new Map<string, Write<Value> | undefined>()
    this.#writes = writes
    let result: Result
    try {
      result = fn()
    } finally {
      this.#writes = undefined
    }
    assertSynchronous(result)
    const { registers } = this.#parts
    registers.transact(() => {
      for (const [key, write] of writes) {
        if (write === undefined) registers.delete(key)
        else registers.set(key, write.stored)
      }
    })
    return result
  }

  /** Calls `listener` after each transaction that changed entries. @returns ends it */
  subscribe(listener: (changes: readonly MigratedChange<Value>[]) => void): () => void {
    return this.#listeners.on('change', listener)
  }

  /** Calls `listener` when a policy function fails: POLICY_FAILED. @returns ends it */
  onProblem(listener: (problem: StatemeshError) => void): () => void {
    return this.#listeners.on('problem', listener)
  }

  /**
   * The keys whose writes did not see each other and do not say the same in the form of this version.
   *
   * @throws CLOSED
   */
  conflicts(): Pick<Conflict<Value>, 'key' | 'siblings' | 'since' | 'token'>[] {
    return this.#parts.registers.conflicts().flatMap(({ key, since, token }) => {
      if (this.#failure(key) !== undefined) return []
      const siblings = this.siblings(key)
      const texts = new Set(
        siblings.map(({ value }) => value !== undefined && canonicalText(value)),
      )
      return texts.size < 2 ? [] : [Object.freeze({ key, siblings, since, token })]
    })
  }

  /** Resolves a conflict; see `RegisterPartition.resolve`. @throws as that and `set` do */
  resolve(
    key: string,
    answer: Value | undefined | PickedSibling,
    options: ResolveOptions = {},
  ): void {
    const { registers } = this.#parts
    this.#checkReadable(key)
    if (answer === undefined || isPicked(answer)) return registers.resolve(key, answer, options)
    registers.resolve(key, this.#prepare(key, answer).stored, options)
  }

  /** Which versions there are. Looks at every entry. @throws CLOSED */
  status(): SchemaStatus {
    const { registers, schema, definition } = this.#parts
    const entries: { [version: string]: number } = {}
    for (const key of keysWithValues(registers)) {
      for (const version of this.#versions(key)) entries[version] = (entries[version] ?? 0) + 1
    }
    const { version } = definition.of
    return Object.freeze({ version, active: this.#active, entries, migrations: schema.list() })
  }

  /** The keys that cannot be read, and why: SCHEMA_NEWER, MIGRATION_FAILED, ENTRY_INVALID. @throws CLOSED */
  problems(): MigrationFailure[] {
    return [...keysWithValues(this.#parts.registers)].flatMap(key => {
      const error = this.#failure(key)
      return error === undefined ? [] : [Object.freeze({ key, error })]
    })
  }

  /**
   * Migrates to the version of the definition: tries the steps on every entry, each twice, and where
   * all succeed and fit the schema says so to everybody. From then on writes need not be readable by
   * replicas on older versions. Nothing that is stored changes; replicas may do it at once.
   *
   * @param options.to an earlier version, to stop at: replicas on it can read what is written, as
   * far as the steps behind it lead back (`set` throws MIGRATION_PENDING where they do not)
   * @param options.from what the active version is taken to be
   * @param options.dryRun only tells what would become of the entries, and which would fail
   * @throws OWNER_ONLY, MIGRATION_FAILED for an entry that fails (nothing was changed),
   * SCHEMA_NEWER when a later version is active, OPTION_INVALID for a version that is none or later
   * than the definition's, or when another one is active than `from`, CLOSED
   */
  migrate(options: MigrateOptions = {}): MigrationReport<Value> {
    const { definition, registers, schema, actor } = this.#parts
    const { of, owner } = definition
    const { to = of.version, dryRun: only = false } = options
    if (owner !== undefined && owner !== actor) {
      throw new StatemeshError(
        'OWNER_ONLY',
        `${of.name}: only ${JSON.stringify(owner)} may migrate`,
      )
    }
    if (!Number.isSafeInteger(to) || to < 1 || to > of.version) {
      throw new StatemeshError('OPTION_INVALID', `${of.name} has versions 1 to ${of.version}`)
    }
    const from = this.#active
    if (options.from !== undefined && options.from !== from) {
      const why = `${of.name} is at version ${from}, and not ${options.from}`
      throw new StatemeshError('OPTION_INVALID', why)
    }
    if (schema.version > to) {
      throw new StatemeshError('SCHEMA_NEWER', `${of.name} is at version ${schema.version} already`)
    }
    const plan = dryRun<Value>(definition, registers)
    const [first] = plan.failures
    if (!only) {
      if (first !== undefined) throw first.error
      if (schema.version < to) schema.add(to)
    }
    return Object.freeze({ ...plan, from, to })
  }

  /** Gives the documents back. Later calls throw CLOSED. */
  close(): void {
    this.#leave()
    this.#parts.registers.close()
    this.#parts.schema.close()
  }

  /** What all readers are held to have: our own version too while nothing older is stored. */
  get #active(): number {
    const { schema, definition } = this.#parts
    return this.#below.size === 0 ? definition.of.version : schema.version
  }

  #look(key: string): void {
    const { version } = this.#parts.definition.of
    if (this.#versions(key).some(stored => stored < version)) this.#below.add(key)
    else this.#below.delete(key)
  }

  #versions(key: string): number[] {
    const live = this.#parts.registers.siblings(key).filter(({ deleted }) => !deleted)
    return live.map(({ value }) => {
      try {
        return readForm(value).version
      } catch (thrown) {
        if (thrown instanceof StatemeshError) return 1
        throw thrown
      }
    })
  }

  #prepare(key: string, given: Value): Write<Value> {
    const { of, steps } = this.#parts.definition
    // A copy, so that what is read and what is stored later is what was given now.
    const value = handOut(decodeValue(encodeValue(parseValue(of.schema, given)))) as Value
    return { value, stored: storedForm(steps, key, value, this.#active) }
  }

  #upgrade(key: string, sibling: Sibling): Sibling<Value> {
    const { value: stored } = sibling
    if (sibling.deleted) return sibling as Sibling<Value>
    const frozen = typeof stored === 'object' && stored !== null && Object.isFrozen(stored)
    if (frozen && this.#upgraded.has(stored)) {
      return Object.freeze({ ...sibling, value: this.#upgraded.get(stored) as Value })
    }
    const value = upgrade(this.#parts.definition.steps, key, sibling) as Value
    if (frozen && !freezeValue(value).mutable) this.#upgraded.set(stored, value)
    return Object.freeze({ ...sibling, value })
  }

  #decide(siblings: readonly Sibling<Value>[]): Value | undefined {
    if (siblings.length < 2) return siblings[0]?.value
    const decided = this.#policy(siblings, parseActorId(this.#parts.actor))
    return decided === undefined ? undefined : (handOut(freezeValue(decided)) as Value)
  }

  /** What a key reads as; undefined also where it cannot be read. */
  #readable(key: string): Value | undefined {
    try {
      return this.get(key)
    } catch (thrown) {
      toUnreadable(thrown)
      return undefined
    }
  }

  #failure(key: string): StatemeshError | undefined {
    try {
      this.siblings(key)
      return undefined
    } catch (thrown) {
      return toUnreadable(thrown)
    }
  }

  /** What cannot be read must not be replaced by who cannot read it. */
  #checkReadable(key: string): void {
    const failure = this.#failure(key)
    if (failure?.code === 'SCHEMA_NEWER') throw failure
  }
}

/** Why an entry cannot be read. @throws CLOSED, which is no fault of an entry's */
function toUnreadable(thrown: unknown): StatemeshError {
  const error = toStatemeshError(thrown, 'MIGRATION_FAILED')
  if (error.code === 'CLOSED') throw error
  return error
}

function isPicked(answer: unknown): answer is PickedSibling {
  return answer instanceof PickedSibling
}
