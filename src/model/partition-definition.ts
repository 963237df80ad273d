/**
 * The declaration of a partition: a named part of a scope, with the policy that decides what
 * readers see when two writes did not see each other. Pure data; opening one is the replica's
 * work.
 */
import type { z } from 'zod'
import { StatemeshError } from '../base/error.ts'
import { type BudgetRules, budgetRulesFault } from './budget-rules.ts'
import type { ActorId } from './id.ts'
import { type AnyIndexChoices, type IndexChoices, indexesFault } from './index-definition.ts'

/** The policies there are, beside a function of your own; see the README on choosing one. */
export const policyNames = [
  'crdt',
  'last-write-wins',
  'merge',
  'manual',
  'counter',
  'budget',
  'log',
] as const
export type PolicyName = (typeof policyNames)[number]

/** The policies under which a partition holds keys with whole values. */
export type RegisterPolicyName = 'last-write-wins' | 'merge' | 'manual'

const registerPolicies: readonly AnyPolicyChoice[] = ['last-write-wins', 'merge', 'manual']

/** Whether a partition of that policy holds keys with whole values. */
export function isRegisterPolicy(policy: AnyPolicyChoice): boolean {
  return typeof policy === 'function' || registerPolicies.includes(policy)
}

/** One stored write of a key. Writes that did not see each other are siblings. */
export interface Sibling<Value = unknown> {
  /** What was written; undefined for a deletion. */
  readonly value: Value | undefined
  readonly deleted: boolean
  readonly actor: ActorId
  /** The Yjs client that wrote it. */
  readonly writer: number
  /** The hybrid timestamp of the write; see `timestampMilliseconds`. */
  readonly timestamp: number
  /** Whether it stands for a deletion whose tombstone was reaped; `actor` is who reaped it. */
  readonly reaped?: true
}

/**
 * A policy of your own: what a key reads as while there are several siblings, undefined for
 * absent. It is given them winner first (latest timestamp, then actor, then writer), and has to
 * say the same whatever their order is, and on every replica: no clock, no randomness, no
 * outside state.
 */
export type PolicyFunction<Value = unknown> = (
  siblings: readonly Sibling<Value>[],
) => Value | undefined

/** What may be given as a definition's `policy`. */
export type PolicyChoice<Value> = PolicyName | PolicyFunction<Value>

/** A policy choice, whatever the value is. */
export type AnyPolicyChoice = PolicyName | ((siblings: readonly never[]) => unknown)

/**
 * How one field of siblings becomes one: the value of the latest sibling that has the field, the
 * greatest, the smallest, or all elements of arrays, sets and maps.
 */
export const mergeChoices = ['latest', 'max', 'min', 'union'] as const
export type MergeChoice = (typeof mergeChoices)[number]

/** The choices of a merge, field by field, whatever the value is. */
export interface MergeTree {
  readonly [field: string]: MergeChoice | MergeTree | undefined
}

/** The choices of a merge, nested as the value is. Nested objects without one are merged too. */
export type MergeFields<Value> = Value extends readonly unknown[]
  ? never
  : Value extends object
    ? { readonly [Field in keyof Value]?: MergeChoice | MergeFields<NonNullable<Value[Field]>> }
    : never

/** What a partition is, as declared once with `definePartition`. */
export interface PartitionDefinition<
  Value = unknown,
  Chosen extends AnyPolicyChoice = AnyPolicyChoice,
> {
  readonly name: string
  readonly policy: Chosen
  /** Checks every value written locally; none means that any storable value may be written. */
  readonly schema: z.ZodType<Value> | undefined
  /** The version of the schema, from 1. */
  readonly version: number
  /** The choices of the `merge` policy; fields not named are `latest`. */
  readonly merge: MergeTree | undefined
  /** The rules of the `budget` policy. */
  readonly budget: BudgetRules | undefined
  /** The indexes that queries may use. */
  readonly indexes: AnyIndexChoices | undefined
  /** Whether no entry of a log may be trimmed, since others count on the first ones. */
  readonly permanent: boolean
}

export interface PartitionOptions<Value, Chosen extends PolicyChoice<Value>> {
  name: string
  policy: Chosen
  schema?: z.ZodType<Value>
  version?: number
  /** Only with the policy `merge`. */
  merge?: MergeFields<Value>
  /** Only with the policy `budget`. */
  budget?: BudgetRules
  /** Only with policies of keys with whole values. They are of this replica, and are not stored. */
  indexes?: IndexChoices<Value>
  /** Only with the policy `log`: nothing of it is trimmed, nor cleaned up. False unless given. */
  permanent?: boolean
}

/**
 * Declares a partition.
 *
 * @throws PARTITION_INVALID for a malformed name, an unknown policy, option or merge choice, merge
 * choices, indexes or permanence with another policy, malformed indexes, or a version that is not a positive
 * integer
 */
export function definePartition<
  Value = unknown,
  const Chosen extends PolicyName = RegisterPolicyName,
>(options: PartitionOptions<Value, Chosen>): PartitionDefinition<Value, Chosen>
// For `definePartition<Value>`: whoever names the value leaves nothing to be inferred.
export function definePartition<Value>(
  options: PartitionOptions<Value, 'log'>,
): PartitionDefinition<Value, 'log'>
// On its own, so that the siblings of a function that is written in place get their type.
export function definePartition<Value = unknown>(
  options: PartitionOptions<Value, PolicyFunction<Value>>,
): PartitionDefinition<Value, PolicyFunction<Value>>
export function definePartition<Value, Chosen extends PolicyChoice<Value>>(
  options: PartitionOptions<Value, Chosen>,
): PartitionDefinition<Value, Chosen> {
  const {
    name,
    policy,
    schema,
    version = 1,
    merge,
    budget,
    indexes,
    permanent = false,
    ...others
  } = options
  parsePartitionName(name)
  const [stray] = Object.keys(others)
  if (stray !== undefined) throw invalid(name, `unknown option "${stray}"`)
  checkPolicy(name, policy)
  if (!Number.isSafeInteger(version) || version < 1) {
    throw invalid(name, 'version must be a positive integer')
  }
  if (merge !== undefined) {
    if (policy !== 'merge') throw invalid(name, 'merge choices belong to the policy "merge"')
    checkMergeFields(name, merge)
  }
  if (budget !== undefined) {
    if (policy !== 'budget') throw invalid(name, 'budget rules belong to the policy "budget"')
    const fault = budgetRulesFault(budget)
    if (fault !== undefined) throw invalid(name, fault)
  }
  if (indexes !== undefined) {
    if (!isRegisterPolicy(policy)) throw invalid(name, `a ${String(policy)} has no indexes`)
    const fault = indexesFault(indexes as AnyIndexChoices)
    if (fault !== undefined) throw invalid(name, fault)
  }
  if (permanent && policy !== 'log') throw invalid(name, 'only a log can be permanent')
  return Object.freeze({
    name,
    policy,
    schema,
    version,
    merge: merge as MergeTree | undefined,
    budget: budget && Object.freeze({ ...budget }),
    indexes: indexes && (Object.freeze({ ...indexes }) as AnyIndexChoices),
    permanent,
  })
}

/** @throws PARTITION_INVALID for what `definePartition` cannot have made */
export function checkDefinition(definition: { name: string; policy: unknown } | undefined): void {
  const name: unknown = definition?.name
  if (typeof name !== 'string') {
    throw new StatemeshError('PARTITION_INVALID', 'a partition is declared with definePartition')
  }
  checkPolicy(name, definition?.policy)
}

function checkPolicy(name: string, policy: unknown): void {
  if (typeof policy === 'function' || policyNames.includes(policy as PolicyName)) return
  throw invalid(name, `unknown policy "${String(policy)}"`)
}

function checkMergeFields(name: string, fields: object): void {
  for (const [field, choice] of Object.entries(fields)) {
    if (typeof choice === 'object' && choice !== null) checkMergeFields(name, choice)
    else if (choice !== undefined && !mergeChoices.includes(choice)) {
      throw invalid(name, `unknown merge choice "${String(choice)}" for "${field}"`)
    }
  }
}

function invalid(name: string, why: string): StatemeshError {
  return new StatemeshError('PARTITION_INVALID', `${name}: ${why}`)
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
