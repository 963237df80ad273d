/**
 * Presence is true: nobody is shown what a member never said, or said before what was shown already;
 * who is silent for too long is gone; and in the end each sees exactly those who are there.
 */
import type { TimeSource } from '../../src/base/time.ts'
import { type PresenceMember, presenceMilliseconds } from '../../src/sync/presence-board.ts'
import { type SaidPresence, type Stay, wordOf } from '../oracle/said-presence.ts'
import type { Guard } from '../workloads/workload.ts'
import { enemyName } from './refusals.ts'
import { Violation } from './violation.ts'

/** It is looked every 5 s who is gone, and no timer is more than some milliseconds late. */
const shownMillisecondsMax = presenceMilliseconds + 5_100

export interface PresenceWatchOptions {
  readonly said: SaidPresence
  /** The member that looks. */
  readonly stay: Stay
  /** Of its process: clocks are set, this is not. */
  readonly time: TimeSource
  /** Where the relay asks for tokens. */
  readonly guard: Guard | undefined
}

/** What was last shown of a member. */
interface Shown {
  /** Which of what it has said. */
  readonly index: number
  readonly lastSeen: number
  /** When `lastSeen` was news here (monotonic). */
  readonly heardAt: number
}

/** What one member is shown of the others. */
export class PresenceWatch {
  readonly #options: PresenceWatchOptions
  readonly #shown = new Map<number, Shown>()

  constructor(options: PresenceWatchOptions) {
    this.#options = options
  }

  /** Judges what is shown now; an enemy whom nobody asks for a token may say what it likes. @throws Violation */
  look(members: readonly PresenceMember[]): void {
    for (const member of members) if (member.actor !== enemyName) this.#judge(member)
  }

  /** Of whom the last word is not shown; undefined where nobody is missing. */
  missing(members: readonly PresenceMember[]): string | undefined {
    const shown = new Set(members.map(textOf))
    const missing = this.#expected.filter(text => !shown.has(text))
    return missing.length === 0 ? undefined : `${this.#who} is not shown ${list(missing)}`
  }

  /** Who is shown and is not there any more, or not as that; undefined where it is nobody. */
  beyond(members: readonly PresenceMember[]): string | undefined {
    const expected = new Set(this.#expected)
    const beyond = members.map(textOf).filter(text => !expected.has(text))
    return beyond.length === 0 ? undefined : `${this.#who} is shown ${list(beyond)}`
  }

  get #expected(): string[] {
    const { said, stay } = this.#options
    return said.present(stay.document).map(other => {
      return `${other.id} ${this.#actorOf(other)} ${other.said.at(-1)?.word}`
    })
  }

  #judge(member: PresenceMember): void {
    const { said, time } = this.#options
    const { id, actor, lastSeen } = member
    const stay = said.stay(id)
    const word = wordOf(member)
    if (stay === undefined) this.#fail(`is shown ${id} ${actor} ${word}: nobody is that`)
    if (actor !== this.#actorOf(stay)) {
      this.#fail(`is shown ${stay.actor} of ${stay.machine} as ${actor}`)
    }
    const before = this.#shown.get(id)
    const index = stay.said.findIndex((one, at) => at >= (before?.index ?? 0) && one.word === word)
    if (index < 0) {
      const isOld = stay.said.some(one => one.word === word)
      const why = isOld ? `after ${stay.said[before?.index ?? 0]?.word}` : 'which it never said'
      this.#fail(`is shown ${word} of ${actor} of ${stay.machine}, ${why}`)
    }
    if (index !== before?.index) this.#judgeNews(stay, index)
    const now = time.monotonic()
    const heardAt = before?.lastSeen === lastSeen ? before.heardAt : now
    this.#shown.set(id, { index, lastSeen, heardAt })
    if (stay.machine === this.#options.stay.machine || now - heardAt <= shownMillisecondsMax) return
    this.#fail(`is shown ${actor} of ${stay.machine}, not heard of for ${now - heardAt} ms`)
  }

  /** What came by a relay that asks for tokens, both ends were allowed to take part in. */
  #judgeNews({ machine, said, document }: Stay, index: number): void {
    const { stay, guard } = this.#options
    if (machine === stay.machine) return
    const at = said[index]?.at ?? 0
    guard?.content.judgeSaid({ reader: stay.machine, author: machine, document }, at)
  }

  /** As whom a member is shown: its own replica believes it, and so does who asks for no tokens. */
  #actorOf({ machine, actor }: Stay): string {
    const { guard, stay } = this.#options
    return guard === undefined || machine === stay.machine ? actor : machine
  }

  get #who(): string {
    const { machine, id, document } = this.#options.stay
    return `${machine}, as ${id} of ${document},`
  }

  #fail(what: string): never {
    throw new Violation('true presence', `${this.#who} ${what}`)
  }
}

function textOf(member: PresenceMember): string {
  return `${member.id} ${member.actor} ${wordOf(member)}`
}

function list(texts: readonly string[]): string {
  return texts.join(', ').slice(0, 500)
}
