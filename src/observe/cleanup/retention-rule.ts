/** What is kept for how long, as data: given in code, or kept as state that all replicas share. */
import { z } from 'zod'
import { StatemeshError } from '../../base/error.ts'
import {
  definePartition,
  type PartitionDefinition,
  parsePartitionName,
} from '../../model/partition-definition.ts'
import { scopePattern } from '../../model/scope-pattern.ts'

const day = 24 * 60 * 60 * 1000

interface About {
  /** A pattern; see `scopePattern`. */
  readonly scope: string
  readonly partition: string
}

interface Archiving {
  /** Whether what goes is archived first. */
  readonly archive: boolean
}

/**
 * Keys end some time after they were written; with `field`, after the time (milliseconds since the
 * epoch, or a Date) that this field of their value says: `expiresAt`, or `lastActivity`.
 */
export interface ExpireRule extends About, Archiving {
  readonly does: 'expire'
  readonly field?: string | undefined
  readonly afterMilliseconds: number
}

/** Entries of a log go some time after they were appended. */
export interface TrimRule extends About, Archiving {
  readonly does: 'trim'
  readonly afterMilliseconds: number
}

/** All that a scope holds goes when none of it was written for some time; 7 days unless given. */
export interface RetireRule extends Archiving {
  readonly does: 'retire'
  readonly scope: string
  readonly afterMilliseconds: number
}

/** Keys go that name no key of another partition of their scope. */
export interface ClearOrphansRule extends About, Archiving {
  readonly does: 'clear-orphans'
  /** What names the parent; the key itself unless given. */
  readonly field?: string | undefined
  readonly parent: string
  /** So long the parent may take to arrive; a day unless given. */
  readonly afterMilliseconds: number
}

/** What tells of deletions goes; after 30 days unless given. */
export interface ReapRule extends About {
  readonly does: 'reap'
  readonly afterMilliseconds: number
}

export type RetentionRule = ExpireRule | TrimRule | RetireRule | ClearOrphansRule | ReapRule

type Defaulted = 'archive' | 'scope' | 'afterMilliseconds'
type Input<Rule, Optional extends keyof Rule> = Omit<Rule, Optional> & Partial<Pick<Rule, Optional>>

/** A rule as it is written down: what has a default may be left out. Every rule archives unless told. */
export type RetentionRuleInput =
  | Input<ExpireRule, 'archive' | 'scope'>
  | Input<TrimRule, 'archive' | 'scope'>
  | Input<RetireRule, 'archive' | 'afterMilliseconds'>
  | Input<ClearOrphansRule, Defaulted>
  | Input<ReapRule, 'scope' | 'afterMilliseconds'>

const ruleSchema: z.ZodType<RetentionRule> = makeRuleSchema()

function makeRuleSchema(): z.ZodType<RetentionRule> {
  const milliseconds = z.number().nonnegative()
  const scope = z.string().refine(isScopePattern, 'not a pattern of scopes')
  const partition = z.string().refine(isPartitionName, 'not the name of a partition')
  const about = { scope: scope.default('**'), partition }
  const archiving = { archive: z.boolean().default(true) }
  const expire = { ...about, ...archiving, field: z.string().optional() }
  const orphans = { ...expire, parent: partition, afterMilliseconds: milliseconds.default(day) }
  const retire = { scope, ...archiving, afterMilliseconds: milliseconds.default(7 * day) }
  return z.discriminatedUnion('does', [
    z.strictObject({ does: z.literal('expire'), ...expire, afterMilliseconds: milliseconds }),
    z.strictObject({
      does: z.literal('trim'),
      ...about,
      ...archiving,
      afterMilliseconds: milliseconds,
    }),
    z.strictObject({ does: z.literal('retire'), ...retire }),
    z.strictObject({ does: z.literal('clear-orphans'), ...orphans }),
    z.strictObject({
      does: z.literal('reap'),
      ...about,
      afterMilliseconds: milliseconds.default(30 * day),
    }),
  ])
}

/** Where rules are kept as state, by their names, in the global scope. */
export const Retention: PartitionDefinition<RetentionRuleInput, 'last-write-wins'> =
  definePartition<RetentionRuleInput, 'last-write-wins'>({
    name: 'retention',
    policy: 'last-write-wins',
  })

/** @throws OPTION_INVALID */
export function parseRetentionRule(name: string, rule: unknown): RetentionRule {
  const parsed = ruleSchema.safeParse(rule)
  if (parsed.success) return parsed.data
  const why = parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`)
  throw new StatemeshError('OPTION_INVALID', `the rule "${name}": ${why.join('; ')}`)
}

function isScopePattern(pattern: string): boolean {
  return isAccepted(() => scopePattern(pattern))
}

function isPartitionName(name: string): boolean {
  return isAccepted(() => parsePartitionName(name))
}

function isAccepted(parse: () => unknown): boolean {
  try {
    parse()
    return true
  } catch (thrown) {
    if (thrown instanceof StatemeshError) return false
    throw thrown
  }
}
