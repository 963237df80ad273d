/** What the parts of this folder need of a replica; `Replica` is one. */
import type { Scope } from '../model/scope.ts'
import type { AnyPartitionDefinition, PartitionHandle } from '../partition/open-partition.ts'

export interface StateReplica {
  /** In whose name it writes, unless `open` is told otherwise. */
  readonly actor: string
  open<const Definition extends AnyPartitionDefinition>(
    scope: Scope,
    definition: Definition,
    options?: { actor?: string },
  ): Promise<PartitionHandle<Definition>>
  /** `local`: resolves when everything written here so far is on this replica's disk. */
  flush(options: { level: 'local' }): Promise<void>
}

/** In whose name something is opened; the replica's own actor without it. */
export interface OpenOptions {
  actor?: string
}
