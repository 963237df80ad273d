/** Opens a partition on its document: the one place that knows which handle a policy needs. */
import type { AnyPolicyChoice, PartitionDefinition } from '../model/partition-definition.ts'
import { CrdtPartition } from './crdt-partition.ts'
import type { PartitionHost } from './partition-host.ts'
import { RegisterPartition } from './register-partition.ts'

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
      : RegisterPartition<Value>
    : never

/**
 * Opens a partition on a loaded document.
 *
 * @throws PARTITION_INVALID, ROOT_MISMATCH when the document is in use as another kind
 */
export function openPartition<const Definition extends AnyPartitionDefinition>(
  definition: Definition,
  host: PartitionHost,
): PartitionHandle<Definition> {
  const handle =
    definition.policy === 'crdt' ? new CrdtPartition(host) : new RegisterPartition(definition, host)
  return handle as PartitionHandle<Definition>
}
