/**
 * A policy written by the user. What it throws never reaches a reader: the failure is reported
 * and the key reads as by last-write-wins. On demand it is tried on other orders of the siblings,
 * which a correct policy does not notice.
 */
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import type { PolicyFunction, Sibling } from '../../model/partition-definition.ts'
import { canonicalText } from '../../model/value.ts'
import { lastWriteWins } from './last-write-wins.ts'
import type { Policy } from './policy.ts'

export interface PolicyFunctionOptions {
  /** Whether to try other orders of the siblings. */
  checkOrder: boolean
  /** Told of POLICY_FAILED: it threw, gave what cannot be stored, or depends on the order. */
  report(problem: StatemeshError): void
}

export function policyFunction(decide: PolicyFunction, options: PolicyFunctionOptions): Policy {
  const { checkOrder, report } = options
  return (siblings, reader) => {
    try {
      const decided = decide(siblings)
      const text = textOf(decided)
      if (checkOrder && orders(siblings).some(order => textOf(decide(order)) !== text)) {
        report(new StatemeshError('POLICY_FAILED', 'the policy depends on the order of siblings'))
      }
      return decided
    } catch (thrown) {
      report(toPolicyFailure(thrown))
      return lastWriteWins(siblings, reader)
    }
  }
}

/** Also makes sure that what was decided can be stored, and so be frozen and handed out. */
function textOf(decided: unknown): string {
  return decided === undefined ? '' : canonicalText(decided)
}

function toPolicyFailure(thrown: unknown): StatemeshError {
  const { message } = toStatemeshError(thrown, 'POLICY_FAILED')
  return new StatemeshError('POLICY_FAILED', `the policy failed: ${message}`, { cause: thrown })
}

/** Other orders: all rotations, forward and backward. All permutations of up to three. */
function orders(siblings: readonly Sibling[]): Sibling[][] {
  const backward = [...siblings].reverse()
  return [siblings, backward].flatMap(order =>
    order.map((_, start) => [...order.slice(start), ...order.slice(0, start)]),
  )
}
