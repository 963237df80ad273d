/** The inboxes of several partitions, such as all of a scope, as one. */
import type { Conflict, ConflictChange, Resolution } from './inbox.ts'

/** A partition with an inbox, under a name that tells it from the others. */
export interface InboxMember {
  readonly name: string
  readonly partition: {
    conflicts(): readonly Conflict[]
    resolutions(): readonly Resolution[]
    onConflict(listener: (change: ConflictChange) => void): () => void
  }
}

/** Something of one of the members. */
export type OfMember<Thing> = Thing & { readonly partition: string }

export interface ScopeInbox {
  /** The open conflicts of all partitions, the oldest first. */
  conflicts(): OfMember<Conflict>[]
  /** The histories of all partitions, the newest resolution first. */
  resolutions(): OfMember<Resolution>[]
  /** Calls `listener` at every change of a conflict. @returns ends it */
  onConflict(listener: (change: OfMember<ConflictChange>) => void): () => void
}

/** One view of several inboxes. It holds the partitions as long as it is used, and closes none. */
export function scopeInbox(members: readonly InboxMember[]): ScopeInbox {
  return {
    conflicts() {
      const all = members.flatMap(({ name, partition }) => named(name, partition.conflicts()))
      return all.sort((a, b) => a.since - b.since)
    },
    resolutions() {
      const all = members.flatMap(({ name, partition }) => named(name, partition.resolutions()))
      return all.sort((a, b) => b.timestamp - a.timestamp)
    },
    onConflict(listener) {
      const ends = members.map(({ name, partition }) => {
        return partition.onConflict(change => listener({ ...change, partition: name }))
      })
      return () => {
        for (const end of ends) end()
      }
    },
  }
}

function named<Thing extends object>(partition: string, things: readonly Thing[]) {
  return things.map((thing): OfMember<Thing> => ({ ...thing, partition }))
}
