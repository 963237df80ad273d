/** One member of a scope, from within this replica: says what it is, and sees who else is here. */
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { TimeSource } from '../base/time.ts'
import { type AwarenessEntry, defaultAwarenessLimits } from '../protocol/awareness-update.ts'
import {
  type PresenceMember,
  presenceClockMax,
  readWord,
  type Said,
  type Word,
} from './presence-board.ts'

/** What a member says about itself. */
export interface PresenceState {
  role?: string
  /** Anything that JSON can say. */
  state?: unknown
}

export type PresenceListener = (members: readonly PresenceMember[]) => void

/** What a presence is made with; not for users. */
export interface PresenceParts {
  readonly id: number
  readonly actor: string
  readonly time: TimeSource
  /** Who was heard of on links. */
  members(): PresenceMember[]
  /** The members of this replica. */
  others(): Iterable<Presence>
  onSet(): void
  onLeave(gone: AwarenessEntry | undefined): void
  onWarning(error: StatemeshError): void
}

/** Far more than any screen has parts. */
const listenersMax = 1_000

export class Presence {
  readonly #parts: PresenceParts
  readonly #listeners = new Set<PresenceListener>()
  #state: { readonly text: string; readonly word: Word } | undefined
  #clock = 0
  #said: Said | undefined
  #since = 0
  #left = false

  /** Not for users: `replica.presence` makes them. */
  constructor(parts: PresenceParts) {
    this.#parts = parts
  }

  /** Under which others see it. */
  get id(): number {
    return this.#parts.id
  }

  /**
   * Says that this actor is here, with what role and state, in place of what it said before. Others
   * hear of it within moments, and of no more than 20 changes a second.
   *
   * @throws VALUE_INVALID for what is no JSON, or more than 16,384 characters of it; CLOSED after `leave`
   */
  set({ role, state }: PresenceState): void {
    if (this.#left) throw new StatemeshError('CLOSED', 'this member has left')
    const text = this.#encode({ actor: this.#parts.actor, role, state })
    if (this.#state === undefined) this.#since = this.#parts.time.now()
    this.#state = { text, word: readWord(text) }
    this.#parts.onSet()
    for (const other of this.#parts.others()) other.changed()
  }

  /**
   * Who is here as far as it is known, by id: those who have said something, and have said it again
   * within 30 s. Whoever only looks is not among them.
   */
  members(): readonly PresenceMember[] {
    if (this.#left) return []
    const own = [...this.#parts.others()].flatMap(other => other.#seenBy(this) ?? [])
    return [...own, ...this.#parts.members()].sort((a, b) => a.id - b.id)
  }

  /** Calls `listener` when somebody comes, goes, or says something, until the answer is called. */
  subscribe(listener: PresenceListener): () => void {
    if (this.#left) throw new StatemeshError('CLOSED', 'this member has left')
    if (this.#listeners.size >= listenersMax) {
      throw new StatemeshError('LIMIT_REACHED', `a presence has at most ${listenersMax} listeners`)
    }
    const own: PresenceListener = members => listener(members)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  /** Says that it is here no more. A second call does nothing. */
  leave(): void {
    if (this.#left) return
    this.#left = true
    this.#listeners.clear()
    const { id: clientID } = this
    const gone = this.#said ? { clientID, clock: this.#clock + 1, state: undefined } : undefined
    this.#parts.onLeave(gone)
  }

  /** What was last announced; not for users, like all below. */
  get said(): Said | undefined {
    return this.#said
  }

  announce(): Said | undefined {
    if (this.#state === undefined) return undefined
    this.#clock += 1
    this.#said = { clientID: this.id, clock: this.#clock, state: this.#state.text }
    return this.#said
  }

  /** Whether what others say of this member has to be outdone by a later clock. */
  contradictedBy({ clock, state }: AwarenessEntry): boolean {
    if (this.#said === undefined || clock > presenceClockMax) return false
    const isEcho = clock < this.#clock || (clock === this.#clock && state === this.#said.state)
    // Who took this member off goes on without it, whatever the clock.
    if (isEcho && state !== undefined) return false
    this.#clock = Math.max(this.#clock, clock)
    return true
  }

  changed(): void {
    if (this.#listeners.size === 0) return
    const members = this.members()
    for (const listener of [...this.#listeners]) {
      try {
        listener(members)
      } catch (thrown) {
        this.#parts.onWarning(toStatemeshError(thrown, 'OBSERVER_FAILED'))
      }
    }
  }

  #seenBy(reader: Presence): PresenceMember | undefined {
    if (this.#state === undefined) return undefined
    const { actor, role, state } = this.#state.word
    const lastSeen = this.#parts.time.now()
    const self = this === reader
    return { id: this.id, actor, role, state, since: this.#since, lastSeen, self }
  }

  #encode(value: unknown): string {
    const { stateLengthMax } = defaultAwarenessLimits
    let text: string
    try {
      text = JSON.stringify(value)
    } catch (cause) {
      throw new StatemeshError('VALUE_INVALID', 'a presence is what JSON can say', { cause })
    }
    if (text.length <= stateLengthMax) return text
    const why = `a presence of ${text.length} characters, where ${stateLengthMax} are allowed`
    throw new StatemeshError('VALUE_INVALID', why)
  }
}
