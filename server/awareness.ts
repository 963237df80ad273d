/**
 * What the members of a room say about themselves, as text: kept for newcomers, and taken back when
 * the member that said it goes, or has not said it again for too long. y-protocols' own `Awareness`
 * is not used, since it sets timers and reads the clock by itself.
 *
 * - A1. A client belongs to the member that spoke of it first; nobody else changes or removes it, but
 *   for another connection of the same subject (a client that came back before its end was noticed).
 * - A2. What is gone does not come back with the clock it had: stock clients repeat what others said,
 *   also after those have left.
 */
import {
  type AwarenessEntry,
  decodeAwarenessUpdate,
  encodeAwarenessUpdate,
  signAwarenessState,
} from '../src/protocol/awareness-update.ts'
import { encodeYWebsocketMessage } from '../src/protocol/y-websocket.ts'
import type { RelayLimits } from './relay-options.ts'
import type { RoomMember } from './room-member.ts'

export interface RoomAwarenessLimits {
  /** Of the document. */
  readonly clientsMax: number
  /** Of one member. */
  readonly ownedMax: number
  /** What has not been said again for so long is taken back. */
  readonly idleMilliseconds: number
}

/** Who says something, and when (monotonic). */
export interface AwarenessSpeaker {
  readonly member: RoomMember
  /** Who its token was given to; undefined where no tokens are asked for. */
  readonly subject: string | undefined
  readonly now: number
}

interface OwnedEntry extends AwarenessEntry {
  readonly by: AwarenessSpeaker
}

/** The entries as a message for stock clients. */
export function awarenessMessage(entries: readonly AwarenessEntry[]): Uint8Array {
  return encodeYWebsocketMessage({ type: 'awareness', payload: encodeAwarenessUpdate(entries) })
}

/** @throws as `decodeAwarenessUpdate` does, with the limits of a relay */
export function readAwareness(
  update: Uint8Array,
  { awarenessClientsMax, awarenessStateLengthMax }: Readonly<RelayLimits>,
): AwarenessEntry[] {
  return decodeAwarenessUpdate(update, {
    clientsMax: awarenessClientsMax,
    stateLengthMax: awarenessStateLengthMax,
  })
}

export class RoomAwareness {
  readonly #limits: RoomAwarenessLimits
  readonly #entries = new Map<number, OwnedEntry>()
  /** The clocks of clients that are gone, the oldest first (A2). */
  readonly #gone = new Map<number, number>()

  constructor(limits: RoomAwarenessLimits) {
    this.#limits = limits
  }

  /**
   * Takes in what a member says, and answers what of it is news. Where tokens are asked for, a state
   * names the subject as its `actor`, whatever it claims.
   *
   * @throws FRAME_INVALID where a state has to name its subject and is no object
   */
  apply(entries: readonly AwarenessEntry[], by: AwarenessSpeaker): AwarenessEntry[] {
    const news: AwarenessEntry[] = []
    for (const entry of entries) {
      if (!this.#accepts(entry, by)) continue
      if (entry.state === undefined) {
        this.#remove(entry.clientID, entry.clock)
        news.push(entry)
      } else {
        const { subject } = by
        const state = subject === undefined ? entry.state : signAwarenessState(entry.state, subject)
        const signed = { ...entry, state }
        this.#entries.set(entry.clientID, { ...signed, by })
        news.push(signed)
      }
    }
    return news
  }

  /** Takes back what a member said; answers it as gone, for the others. */
  remove(owner: RoomMember): AwarenessEntry[] {
    return this.#removeWhere(({ by }) => by.member === owner)
  }

  /** Takes back what was last said too long before `now`; answers it as gone. */
  expire(now: number): AwarenessEntry[] {
    return this.#removeWhere(({ by }) => now - by.now > this.#limits.idleMilliseconds)
  }

  all(): AwarenessEntry[] {
    return [...this.#entries.values()]
  }

  #accepts({ clientID, clock, state }: AwarenessEntry, by: AwarenessSpeaker): boolean {
    const known = this.#entries.get(clientID)
    if (known === undefined) {
      if (state === undefined || clock <= (this.#gone.get(clientID) ?? -1)) return false
      return this.#entries.size < this.#limits.clientsMax && this.#owned(by) < this.#limits.ownedMax
    }
    const { subject } = known.by
    const owns = known.by.member === by.member || (subject !== undefined && subject === by.subject)
    // A client that goes says so with the clock of its last state.
    return owns && (state === undefined ? clock >= known.clock : clock > known.clock)
  }

  #owned({ member }: AwarenessSpeaker): number {
    let count = 0
    for (const { by } of this.#entries.values()) if (by.member === member) count += 1
    return count
  }

  #removeWhere(matches: (entry: OwnedEntry) => boolean): AwarenessEntry[] {
    const removed: AwarenessEntry[] = []
    for (const entry of this.#entries.values()) {
      if (!matches(entry)) continue
      const { clientID, clock } = entry
      this.#remove(clientID, clock)
      removed.push({ clientID, clock, state: undefined })
    }
    return removed
  }

  #remove(clientID: number, clock: number): void {
    this.#entries.delete(clientID)
    this.#gone.delete(clientID)
    this.#gone.set(clientID, clock)
    for (const oldest of this.#gone.keys()) {
      if (this.#gone.size <= this.#limits.clientsMax) return
      this.#gone.delete(oldest)
    }
  }
}
