/** What history asks of a replica; `openReplica` gives more than that. */
import type { Scope } from '../model/scope.ts'
import type { AnyPartitionDefinition, PartitionHandle } from '../partition/open-partition.ts'

export interface HistoryReplica {
  /** In whose name it writes. */
  readonly actor: string
  open<const Definition extends AnyPartitionDefinition>(
    scope: Scope,
    definition: Definition,
    options?: { actor?: string },
  ): Promise<PartitionHandle<Definition>>
  /** Calls `listener` when the replica begins to close. @returns ends it */
  on(event: 'closed', listener: () => void): () => void
}
