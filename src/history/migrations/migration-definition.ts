/**
 * The declaration of how a partition of registers came to its version: one step for each version
 * after the first. A step maps one value at a time and is a function of it alone, so that whoever
 * runs it gets the same.
 */
import { StatemeshError } from '../../base/error.ts'
import { parseActorId } from '../../model/id.ts'
import {
  type AnyPolicyChoice,
  checkDefinition,
  definePartition,
  type PartitionDefinition,
  type PolicyFunction,
  parsePartitionName,
} from '../../model/partition-definition.ts'

/** Of which entry a value is; for values that need a time or a name that is the same everywhere. */
export interface MigratedEntry {
  readonly key: string
  readonly actor: string
  /** When it was written, in milliseconds since the epoch. */
  readonly time: number
}

export interface MigrationStep {
  /** The version that it leads to, from the one before. */
  readonly to: number
  /** The value in the new form; it gets a frozen one, or a copy. May throw: the old one stays. */
  // biome-ignore lint/suspicious/noExplicitAny: the forms of old versions have no type any more
  up(value: any, entry: MigratedEntry): unknown
  /**
   * The value in the form before, for replicas that are not on the new version yet. Without it they
   * are refused what was written in the new one.
   */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  down?(value: any, key: string): unknown
}

export interface MigrationsDefinition<
  Value = unknown,
  Chosen extends AnyPolicyChoice = AnyPolicyChoice,
> {
  readonly of: PartitionDefinition<Value, Chosen>
  /** From version 2 on, without a gap. */
  readonly steps: readonly MigrationStep[]
  /** The one actor who may migrate; all may without it. */
  readonly owner: string | undefined
}

/**
 * Declares the migrations of a partition of registers up to its `version`.
 *
 * @throws PARTITION_INVALID when it has no registers, or a step is missing, out of order or more
 * than there are versions; ID_INVALID for the owner
 */
export function defineMigrations<Value, Chosen extends AnyPolicyChoice>(options: {
  of: PartitionDefinition<Value, Chosen>
  steps: readonly MigrationStep[]
  owner?: string
}): MigrationsDefinition<Value, Chosen> {
  const { of, steps, owner } = options
  checkDefinition(of)
  const refuse = (why: string) => new StatemeshError('PARTITION_INVALID', `${of.name}: ${why}`)
  if (['crdt', 'log', 'counter', 'budget'].includes(of.policy as string)) {
    throw refuse('migrations are for registers')
  }
  parsePartitionName(schemaName(of.name))
  const versions = steps.map(({ to }) => to)
  const expected = Array.from({ length: of.version - 1 }, (_, index) => index + 2)
  if (versions.join() !== expected.join()) {
    throw refuse(`version ${of.version} needs a step to each of [${expected}], not [${versions}]`)
  }
  if (steps.some(({ up, down }) => typeof up !== 'function' || !isOptionalFunction(down))) {
    throw refuse('up and down are functions')
  }
  if (owner !== undefined) parseActorId(owner)
  return Object.freeze({ of, steps: Object.freeze([...steps]), owner })
}

/**
 * The partition as it is stored, each value in the form of some version: to keep its history, since
 * `defineHistory` asks for what is in the document.
 */
export function storedPartition<Value, Chosen extends AnyPolicyChoice>({
  of,
}: Pick<MigrationsDefinition<Value, Chosen>, 'of'>): PartitionDefinition<
  unknown,
  'last-write-wins'
> {
  const { name, policy } = of
  const Stored = definePartition<unknown, 'last-write-wins'>({ name, policy: 'last-write-wins' })
  // Another policy may show a key although the latest of its siblings is a deletion.
  return policy === 'last-write-wins' ? Stored : { ...Stored, policy: anyLive as never }
}

const anyLive: PolicyFunction = siblings => siblings.find(({ deleted }) => !deleted)?.value

/** The name of the partition that says which versions were migrated to. */
export function schemaName(partition: string): string {
  return `${partition}-schema`
}

function isOptionalFunction(value: unknown): boolean {
  return value === undefined || typeof value === 'function'
}
