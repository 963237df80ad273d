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
interface Shown extends Pick<PresenceMember, 'role' | 'state'> {
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
    const shown = new Map(members.map(member => [member.id, member]))
    const missing = this.#present().filter(stay => !this.#isLastWord(shown.get(stay.id), stay))
    if (missing.length === 0) return undefined
    const said = missing.map(stay => `${stay.id} ${this.#actorOf(stay)} ${stay.said.at(-1)?.word}`)
    return `${this.#who} is not shown ${list(said)}`
  }

  /** Who is shown and is not there any more, or not as that; undefined where it is nobody. */
  beyond(members: readonly PresenceMember[]): string | undefined {
    const present = new Map(this.#present().map(stay => [stay.id, stay]))
    const beyond = members.filter(member => !this.#isLastWord(member, present.get(member.id)))
    if (beyond.length === 0) return undefined
    const shown = beyond.map(member => `${member.id} ${member.actor} ${wordOf(member)}`)
    return `${this.#who} is shown ${list(shown)}`
  }

  #present(): Stay[] {
    const { said, stay } = this.#options
    return said.present(stay.document)
  }

  #isLastWord(member: PresenceMember | undefined, stay: Stay | undefined): boolean {
    if (member === undefined || stay === undefined) return false
    if (member.actor !== this.#actorOf(stay)) return false
    return stay.said[this.#indexOf(member, stay)]?.word === stay.said.at(-1)?.word
  }

  /** Which of what somebody has said is shown, what was shown before or later; -1 for none of it. */
  #indexOf(member: PresenceMember, stay: Stay): number {
    const before = this.#shown.get(member.id)
    if (before !== undefined && before.role === member.role && before.state === member.state) {
      return before.index
    }
    const word = wordOf(member)
    return stay.said.findIndex((one, at) => at >= (before?.index ?? 0) && one.word === word)
  }

  #judge(member: PresenceMember): void {
    const { said, time } = this.#options
    const { id, actor, role, state, lastSeen } = member
    const stay = said.stay(id)
    if (stay === undefined) this.#fail(`is shown ${id} ${actor} ${wordOf(member)}: nobody is that`)
    if (actor !== this.#actorOf(stay)) {
      this.#fail(`is shown ${stay.actor} of ${stay.machine} as ${actor}`)
    }
    const before = this.#shown.get(id)
    const index = this.#indexOf(member, stay)
    if (index < 0) {
      const word = wordOf(member)
      const isOld = stay.said.some(one => one.word === word)
      const why = isOld ? `after ${stay.said[before?.index ?? 0]?.word}` : 'which it never said'
      this.#fail(`is shown ${word} of ${actor} of ${stay.machine}, ${why}`)
    }
    if (index !== before?.index) this.#judgeNews(stay, index)
    const now = time.monotonic()
    const heardAt = before?.lastSeen === lastSeen ? before.heardAt : now
    this.#shown.set(id, { role, state, index, lastSeen, heardAt })
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

function list(texts: readonly string[]): string {
  return texts.join(', ').slice(0, 500)
}
