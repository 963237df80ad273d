/** What a definition with the policy `budget` may say about its balances. */
import { StatemeshError } from '../base/error.ts'

export interface BudgetRules {
  /** The one actor who may mint; without it every actor may. */
  readonly owner?: string
  /**
   * The most that one actor may have spent of one key, refunds taken off. Exact while the actor
   * spends through one replica; through several it also counts what is known of the others.
   */
  readonly actorCap?: number
  /**
   * How long rights that are granted on request last, in milliseconds, more than
   * `skewMilliseconds`, by which their holder stops early; without it they are given for good.
   * Needs a relay.
   */
  readonly leaseMilliseconds?: number
  /**
   * How far any replica's wall clock may be from the true time, in milliseconds: the bound under
   * which rights that expire are safe. Default 5,000.
   */
  readonly skewMilliseconds?: number
}

const fields = ['owner', 'actorCap', 'leaseMilliseconds', 'skewMilliseconds']

/** The bound on clocks that the rules set. */
export function skewMillisecondsOf({ skewMilliseconds = 5_000 }: BudgetRules): number {
  return skewMilliseconds
}

/** What is wrong with the rules; undefined when nothing is. */
export function budgetRulesFault(rules: BudgetRules): string | undefined {
  const unknown = Object.keys(rules).find(field => !fields.includes(field))
  if (unknown !== undefined) return `unknown budget rule "${unknown}"`
  if (rules.owner !== undefined && (typeof rules.owner !== 'string' || rules.owner === '')) {
    return 'owner must be an actor id'
  }
  const { actorCap = 0, leaseMilliseconds = 1, skewMilliseconds = 0 } = rules
  if (!Number.isSafeInteger(actorCap) || actorCap < 0) return 'actorCap must be an integer from 0'
  if (!Number.isSafeInteger(leaseMilliseconds) || leaseMilliseconds < 1) {
    return 'leaseMilliseconds must be an integer from 1'
  }
  if (!Number.isSafeInteger(skewMilliseconds) || skewMilliseconds < 0) {
    return 'skewMilliseconds must be an integer from 0'
  }
  // Nobody may draw on such a lease; replicas would grant it, give it back and ask again for ever.
  if (rules.leaseMilliseconds !== undefined && leaseMilliseconds <= skewMillisecondsOf(rules)) {
    return `leaseMilliseconds must be more than skewMilliseconds, ${skewMillisecondsOf(rules)}`
  }
  return undefined
}

/** @throws VALUE_INVALID unless a safe integer from 1 */
export function checkAmount(amount: unknown): asserts amount is number {
  if (!Number.isSafeInteger(amount) || (amount as number) < 1) {
    throw new StatemeshError('VALUE_INVALID', 'an amount is an integer from 1 to 2^53 - 1')
  }
}
