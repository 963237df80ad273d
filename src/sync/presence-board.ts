/**
 * Who is in one document, by what was said of them: clocks order what is said of one member, and who
 * was not heard of for too long is taken off. Pure: the caller has the clock and the links.
 *
 * B1. What is gone does not come back with the clock it had: others may repeat what it said.
 * B2. That somebody is gone is believed with a later clock, which only the member itself gives; with
 *     the clock of its last word it is believed when all links say so that brought that word.
 * B3. Where tokens are asked for, a member keeps its actor, and nobody else takes it off.
 */
import {
  type AwarenessEntry,
  defaultAwarenessLimits,
  signAwarenessState,
} from '../protocol/awareness-update.ts'
import type { PresenceLink } from './presence-exchange.ts'

/** Somebody who is here. */
export interface PresenceMember {
  /** The Yjs clientID under which it is announced: of this stay, not of its process or its actor. */
  readonly id: number
  /** Undefined for a stock client that names none. */
  readonly actor: string | undefined
  readonly role: string | undefined
  /** What it says besides, as JSON; frozen, since all who look at it are shown the same. */
  readonly state: unknown
  /** When it was first and last heard of here, in milliseconds since the epoch, by our clock. */
  readonly since: number
  readonly lastSeen: number
  /** Whether it is this handle. */
  readonly self: boolean
}

/** What a member says about itself. */
export type Word = Pick<PresenceMember, 'actor' | 'role' | 'state'>

export interface Said extends AwarenessEntry {
  readonly state: string
}

interface Heard {
  readonly entry: Said
  /** What it says, where that is kept. */
  readonly word: Word | undefined
  readonly since: number
  readonly lastSeen: number
  /** When it was last heard of (monotonic). */
  readonly heardAt: number
  /** The links that have brought its last word, and have not taken it back. */
  readonly from: Set<PresenceLink>
}

/** Members of one document; with states of the greatest length they are 16 million characters. */
export const presenceMembersMax = 1_024

/** What is longer is read at each look: a state may take a dozen times the memory of its text. */
const keptLengthMax = 2_048

/** A clock moves by one every few seconds; this one takes thousands of years. */
export const presenceClockMax: number = 2 ** 40

/** What was not heard of for so long is not here any more; as in y-protocols, and at the relay. */
export const presenceMilliseconds: number = 30_000

export class PresenceBoard {
  readonly #heard = new Map<number, Heard>()
  /** The last clocks of members that are gone, the oldest first (B1). */
  readonly #gone = new Map<number, number>()

  /**
   * Takes in what came on a link; answers what of it was news.
   *
   * @throws FRAME_INVALID for a state that has to name its subject and is no object
   */
  apply(
    entries: readonly AwarenessEntry[],
    from: PresenceLink,
    at: { now: number; monotonic: number },
  ): AwarenessEntry[] {
    const news: AwarenessEntry[] = []
    for (const entry of entries) {
      if (entry.clock > presenceClockMax || entry.clientID > clientIDMax) continue
      if (entry.state === undefined) {
        if (this.#takeOff(entry, from)) news.push(entry)
        continue
      }
      const { subject } = from
      const state = subject === undefined ? entry.state : signAwarenessState(entry.state, subject)
      if (state.length > stateLengthMax) continue
      const said = { ...entry, state }
      if (this.#putOn(said, from, at)) news.push(said)
    }
    return news
  }

  /** Takes off who was last heard of too long before `monotonic`; answers whether there was anybody. */
  expire(monotonic: number): boolean {
    let expired = false
    for (const [id, { heardAt, entry }] of this.#heard) {
      if (monotonic - heardAt < presenceMilliseconds) continue
      this.#remove(id, entry.clock)
      expired = true
    }
    return expired
  }

  /** What was said of all who are here, to be passed on. */
  get said(): Said[] {
    return [...this.#heard.values()].map(({ entry }) => entry)
  }

  /**
   * What peers have said that are still linked, and the relay has not. What came by a link that has ended may
   * have been the relay's: repeated to it, that would keep it from hearing the member itself.
   */
  get saidByPeers(): Said[] {
    return [...this.#heard.values()]
      .filter(({ from }) => from.size > 0 && ![...from].some(({ isRelay }) => isRelay))
      .map(({ entry }) => entry)
  }

  /** A member of this replica has left: what peers still pass on of it is old (B1). */
  left({ clientID, clock }: AwarenessEntry): void {
    this.#remove(clientID, clock)
  }

  /** A link has ended: it takes back nothing any more. */
  unlinked(link: PresenceLink): void {
    for (const { from } of this.#heard.values()) from.delete(link)
  }

  get members(): PresenceMember[] {
    return [...this.#heard].map(([id, heard]) => {
      const { actor, role, state } = wordOf(heard)
      const { since, lastSeen } = heard
      return { id, actor, role, state, since, lastSeen, self: false }
    })
  }

  #putOn(entry: Said, from: PresenceLink, at: { now: number; monotonic: number }): boolean {
    const { clientID, clock, state } = entry
    const known = this.#heard.get(clientID)
    if (clock === known?.entry.clock && state === known.entry.state) known.from.add(from)
    if (clock <= (known?.entry.clock ?? this.#gone.get(clientID) ?? -1)) return false
    if (known === undefined && this.#heard.size >= presenceMembersMax) return false
    const word = state.length <= keptLengthMax ? readWord(state) : undefined
    const since = known?.since ?? at.now
    const { now: lastSeen, monotonic: heardAt } = at
    const heard = { entry, word, since, lastSeen, heardAt, from: new Set([from]) }
    if (known && from.subject !== undefined && wordOf(known).actor !== wordOf(heard).actor) {
      return false // B3
    }
    this.#heard.set(clientID, heard)
    return true
  }

  #takeOff({ clientID, clock }: AwarenessEntry, from: PresenceLink): boolean {
    const known = this.#heard.get(clientID)
    if (known === undefined) return false
    const last = known.entry.clock
    const { subject } = from
    if (subject !== undefined && wordOf(known).actor !== subject) return false // B3
    // B2
    if (clock < last || (clock === last && !known.from.delete(from))) return false
    if (clock === last && known.from.size > 0) return false
    this.#remove(clientID, clock)
    return true
  }

  #remove(id: number, clock: number): void {
    this.#heard.delete(id)
    this.#gone.delete(id)
    this.#gone.set(id, clock)
    for (const oldest of this.#gone.keys()) {
      if (this.#gone.size <= presenceMembersMax) return
      this.#gone.delete(oldest)
    }
  }
}

const { stateLengthMax } = defaultAwarenessLimits
const clientIDMax = Number.MAX_SAFE_INTEGER

function wordOf({ word, entry }: Heard): Word {
  return word ?? readWord(entry.state)
}

/** Reads the state of a member, which is JSON; a stock client's may be anything. */
export function readWord(text: string): Word {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { actor: undefined, role: undefined, state: frozen(value) }
  }
  const { actor, role, state, ...rest } = value as Record<string, unknown>
  const others = Object.keys(rest).length === 0 ? undefined : rest
  return { actor: textOf(actor), role: textOf(role), state: frozen(state ?? others) }
}

/** Freezes what JSON said, which may be nested as deep as it is long: no recursion. */
function frozen(value: unknown): unknown {
  const parts = [value]
  while (parts.length > 0) {
    const part = parts.pop()
    if (typeof part !== 'object' || part === null) continue
    Object.freeze(part)
    for (const inner of Object.values(part)) parts.push(inner)
  }
  return value
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
