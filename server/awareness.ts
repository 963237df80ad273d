/**
 * What the members of a room say about themselves, as text: kept for newcomers, and taken back when
 * the member that said it goes. y-protocols' own `Awareness` is not used, since it sets timers and
 * reads the clock by itself.
 */
import type { AwarenessEntry } from '../src/protocol/awareness-update.ts'
import { defaultAwarenessLimits } from '../src/protocol/awareness-update.ts'
import type { RoomMember } from './room-member.ts'

interface OwnedEntry extends AwarenessEntry {
  readonly owner: RoomMember
}

export class RoomAwareness {
  readonly #entries = new Map<number, OwnedEntry>()

  /**
   * Takes in what a member says, and answers what of it is news. Stock clients repeat what others
   * said, which is not: it has the clock that is already known.
   */
  apply(entries: readonly AwarenessEntry[], owner: RoomMember): AwarenessEntry[] {
    return entries.filter(entry => this.#apply(entry, owner))
  }

  /** Takes back what a member said; answers it as gone, for the others. */
  remove(owner: RoomMember): AwarenessEntry[] {
    const removed: AwarenessEntry[] = []
    for (const { clientID, clock, owner: entryOwner } of this.#entries.values()) {
      if (entryOwner !== owner) continue
      this.#entries.delete(clientID)
      removed.push({ clientID, clock, state: undefined })
    }
    return removed
  }

  all(): AwarenessEntry[] {
    return [...this.#entries.values()]
  }

  #apply(entry: AwarenessEntry, owner: RoomMember): boolean {
    const known = this.#entries.get(entry.clientID)
    if (entry.state === undefined) {
      // A client that goes says so with the clock of its last state.
      if (known === undefined || entry.clock < known.clock) return false
      return this.#entries.delete(entry.clientID)
    }
    if (known !== undefined && entry.clock <= known.clock) return false
    if (known === undefined && this.#entries.size >= defaultAwarenessLimits.clientsMax) return false
    this.#entries.set(entry.clientID, { ...entry, owner })
    return true
  }
}
