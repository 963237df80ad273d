/**
 * The port of policies: pure functions that decide what a key reads as while it has siblings. A
 * policy is evaluated on read and never writes, so a partition's policy can be changed without
 * touching its data.
 */
import type { ActorId } from '../../model/id.ts'
import type { Sibling } from '../../model/partition-definition.ts'

/**
 * What a key reads as; undefined for absent. It is asked only where there are at least two
 * siblings, and given them winner first (see `compareSiblings`). The same siblings, read in the
 * name of the same actor, must give the same answer on every replica.
 */
export type Policy = (siblings: readonly Sibling[], reader: ActorId) => unknown

/** What tells a sibling of a key from the others. */
export type SiblingName = Pick<Sibling, 'writer' | 'timestamp'>

export function sameSibling(a: SiblingName, b: SiblingName): boolean {
  return a.writer === b.writer && a.timestamp === b.timestamp
}

/** What of a sibling says where it stands among the others. */
type OrderedSibling = SiblingName & { readonly actor: string }

/**
 * Orders siblings, the winner first: the later hybrid timestamp, then the greater actor, then the
 * greater writer. No two siblings of a key are equal in it, since a writer has one entry a key.
 */
export function compareSiblings(a: OrderedSibling, b: OrderedSibling): number {
  if (a.timestamp !== b.timestamp) return b.timestamp - a.timestamp
  if (a.actor !== b.actor) return a.actor < b.actor ? 1 : -1
  return b.writer - a.writer
}
