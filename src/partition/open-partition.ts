/** Opens a partition on its document: the one place that knows which handle a policy needs. */
import type { AnyPolicyChoice, PartitionDefinition } from '../model/partition-definition.ts'
import { BudgetPartition } from './budget/budget-partition.ts'
import { CounterPartition } from './counter-partition.ts'
import { CrdtPartition } from './crdt-partition.ts'
import { LogPartition } from './log/log-partition.ts'
import type { PartitionHost } from './partition-host.ts'
import { RegisterPartition } from './register/register-partition.ts'

/** Any definition, whatever its value and policy are. */
// biome-ignore lint/suspicious/noExplicitAny: a schema takes and gives its value, so that neither unknown nor never stands for every one
export type AnyPartitionDefinition = PartitionDefinition<any, AnyPolicyChoice>

/**
 * The handle that a definition opens as. A kind that is no register (`counter`, `budget`, `log`)
 * gets a line of its own here and in `openPartition`.
 */
export type PartitionHandle<Definition extends AnyPartitionDefinition> =
  Definition extends PartitionDefinition<infer Value, infer Chosen>
    ? Chosen extends 'crdt'
      ? CrdtPartition
      : Chosen extends 'log'
        ? LogPartition<Value>
        : Chosen extends 'counter'
          ? CounterPartition
          : Chosen extends 'budget'
            ? BudgetPartition
            : RegisterPartition<Value>
    : never

/** What a partition of registers opens as. */
export type RegisterHandle = new (
  definition: PartitionDefinition,
  host: PartitionHost,
) => RegisterPartition

/**
 * Opens a partition on a loaded document.
 *
 * @param Registers more than what this area knows of, for who knows more
 * @throws PARTITION_INVALID, ROOT_MISMATCH when the document is in use as another kind
 */
export function openPartition<const Definition extends AnyPartitionDefinition>(
  definition: Definition,
  host: PartitionHost,
  Registers: RegisterHandle = RegisterPartition,
): PartitionHandle<Definition> {
  return openHandle(definition, host, Registers) as PartitionHandle<Definition>
}

function openHandle(
  definition: AnyPartitionDefinition,
  host: PartitionHost,
  Registers: RegisterHandle,
): unknown {
  switch (definition.policy) {
    case 'crdt':
      return new CrdtPartition(host)
    case 'log':
      return new LogPartition(definition, host)
    case 'counter':
      return new CounterPartition(host)
    case 'budget':
      return new BudgetPartition(definition.budget ?? {}, host)
    default:
      return new Registers(definition, host)
  }
}
