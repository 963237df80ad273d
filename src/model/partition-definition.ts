/**
 * The declaration of a partition: a named part of a scope, with the policy that decides what
 * readers see when two writes did not see each other. Pure data; opening one is the replica's
 * work.
 */
import type { z } from 'zod'
import { StatemeshError } from '../base/error.ts'

/** The policies there are; see the README on choosing one. */
export const policyNames = ['crdt', 'last-write-wins'] as const
export type PolicyName = (typeof policyNames)[number]

/** What a partition is, as declared once with `definePartition`. */
export interface PartitionDefinition<Value = unknown, Policy extends PolicyName = PolicyName> {
  readonly name: string
  readonly policy: Policy
  /** Checks every value written locally; none means that any storable value may be written. */
  readonly schema: z.ZodType<Value> | undefined
  /** The version of the schema, from 1. */
  readonly version: number
}

export interface PartitionOptions<Value, Policy extends PolicyName> {
  name: string
  policy: Policy
  schema?: z.ZodType<Value>
  version?: number
}

/**
 * Declares a partition.
 *
 * @throws PARTITION_INVALID for a malformed name, an unknown policy, or a version that is not a
 * positive integer
 */
export function definePartition<Value = unknown, const Policy extends PolicyName = PolicyName>(
  options: PartitionOptions<Value, Policy>,
): PartitionDefinition<Value, Policy> {
  const { name, policy, schema, version = 1 } = options
  parsePartitionName(name)
  if (!policyNames.includes(policy)) {
    throw new StatemeshError('PARTITION_INVALID', `${name}: unknown policy "${String(policy)}"`)
  }
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new StatemeshError('PARTITION_INVALID', `${name}: version must be a positive integer`)
  }
  return Object.freeze({ name, policy, schema, version })
}

const partitionName = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/

/** @throws PARTITION_INVALID unless a letter followed by at most 63 letters, digits, `_`, `-` */
export function parsePartitionName(name: string): string {
  if (typeof name !== 'string' || !partitionName.test(name)) {
    throw new StatemeshError(
      'PARTITION_INVALID',
      'a partition name is a letter followed by at most 63 letters, digits, "_" or "-"',
    )
  }
  return name
}
