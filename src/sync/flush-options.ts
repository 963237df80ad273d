/** How safe what was written is to be before somebody goes on. */
import type { Deadline } from './waiters.ts'

/**
 * `local`: on this replica's disk. `received` and `durable`: at the relay. `replicated`: on the disks
 * of `n` nodes, this one, the relay and peers.
 */
export type FlushLevel = (typeof flushLevels)[number]

export const flushLevels = ['local', 'received', 'durable', 'replicated'] as const

export interface FlushOptions extends Deadline {
  /** Default `durable`. */
  level?: FlushLevel
  /** Of the level `replicated`: on how many nodes, this one included. Default 2. */
  n?: number
}

export interface SyncedOptions extends Deadline {
  /** Whose state to have; the relay's, where there is one. */
  from?: 'relay' | 'peers'
}
