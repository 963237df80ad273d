/** The declaration of the history of a partition: what is kept, for how long, and who may turn it back. */
import { StatemeshError } from '../base/error.ts'
import { parseActorId } from '../model/id.ts'
import {
  type AnyPolicyChoice,
  checkDefinition,
  type PartitionDefinition,
  parsePartitionName,
} from '../model/partition-definition.ts'

export interface HistoryDefinition<
  Value = unknown,
  Chosen extends AnyPolicyChoice = AnyPolicyChoice,
> {
  /** The partition of registers. */
  readonly of: PartitionDefinition<Value, Chosen>
  /** How long changes are kept, in milliseconds. */
  readonly retentionMilliseconds: number
  /** How many versions are kept of those with a name, and of the automatic ones. */
  readonly versionsMax: number
  /** After how many changes on one replica it takes a version by itself. */
  readonly automaticChanges: number
  /** The one actor who may take, delete and roll back to versions, and undo; all may without it. */
  readonly owner: string | undefined
}

const day = 24 * 60 * 60 * 1000

/**
 * Declares the history of a partition of registers.
 *
 * @param options.retentionMilliseconds 30 days unless given; Infinity for ever
 * @param options.versionsMax 10 unless given
 * @param options.automaticChanges Infinity, for never, unless given
 * @throws PARTITION_INVALID for a partition without registers or whose name is too long to extend,
 * OPTION_INVALID, ID_INVALID for the owner
 */
export function defineHistory<Value, Chosen extends AnyPolicyChoice>(options: {
  of: PartitionDefinition<Value, Chosen>
  retentionMilliseconds?: number
  versionsMax?: number
  automaticChanges?: number
  owner?: string
}): HistoryDefinition<Value, Chosen> {
  const {
    of,
    retentionMilliseconds = 30 * day,
    versionsMax = 10,
    automaticChanges = Number.POSITIVE_INFINITY,
    owner,
  } = options
  checkDefinition(of)
  if (['crdt', 'log', 'counter', 'budget'].includes(of.policy as string)) {
    throw new StatemeshError('PARTITION_INVALID', `${of.name}: history is kept of registers`)
  }
  parsePartitionName(`${auditName(of.name)}-zzzzzzzz`)
  check(retentionMilliseconds >= 1000, 'retentionMilliseconds must be at least 1,000')
  check(
    Number.isSafeInteger(versionsMax) && versionsMax > 0,
    'versionsMax must be an integer from 1',
  )
  check(automaticChanges >= 1, 'automaticChanges must be at least 1')
  if (owner !== undefined) parseActorId(owner)
  return Object.freeze({ of, retentionMilliseconds, versionsMax, automaticChanges, owner })
}

/** What the names of the logs of changes begin with. */
export function auditName(partition: string): string {
  return `${partition}-audit`
}

/** The name of the partition that keeps versions. */
export function versionsName(partition: string): string {
  return `${partition}-versions`
}

/** @throws OWNER_ONLY */
export function checkOwner({ owner, of }: HistoryDefinition, actor: string, what: string): void {
  if (owner === undefined || owner === actor) return
  throw new StatemeshError('OWNER_ONLY', `${of.name}: only ${JSON.stringify(owner)} may ${what}`)
}

function check(fine: boolean, message: string): void {
  if (!fine) throw new StatemeshError('OPTION_INVALID', message)
}
