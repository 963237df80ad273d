/** The policy that a definition asks for. */
import { StatemeshError } from '../../base/error.ts'
import type { PartitionDefinition, PolicyFunction } from '../../model/partition-definition.ts'
import { lastWriteWins } from './last-write-wins.ts'
import { manual } from './manual.ts'
import { merge } from './merge.ts'
import type { Policy } from './policy.ts'
import { type PolicyFunctionOptions, policyFunction } from './policy-function.ts'

/** @throws PARTITION_INVALID where the definition is not one of registers */
export function choosePolicy(
  definition: PartitionDefinition,
  options: PolicyFunctionOptions,
): Policy {
  const { policy } = definition
  if (typeof policy === 'function') return policyFunction(policy as PolicyFunction, options)
  switch (policy) {
    case 'last-write-wins':
      return lastWriteWins
    case 'merge':
      return merge(definition.merge)
    case 'manual':
      return manual
    default:
      throw new StatemeshError('PARTITION_INVALID', `"${policy}" is no policy of registers`)
  }
}
