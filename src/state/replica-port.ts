/** What the parts of this folder need of a replica; `Replica` is one. */
import type { HistoryReplica } from '../history/replica-port.ts'

export interface StateReplica extends HistoryReplica {
  /** `local`: resolves when everything written here so far is on this replica's disk. */
  flush(options: { level: 'local' }): Promise<void>
}

/** In whose name something is opened; the replica's own actor without it. */
export interface OpenOptions {
  actor?: string
}
