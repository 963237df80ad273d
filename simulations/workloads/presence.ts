/**
 * Presence: members say who and what they are, change it, take it back, and leave; others only watch.
 * Where all are linked with one relay, and nobody lies, each sees in the end exactly those who are there, hears
 * at once of who changes, leaves, or whose link has ended; and it stays so. Elsewhere a mesh of few links
 * may be in parts for minutes, and an enemy may repeat what others said: there what is shown must be true, and
 * who is silent must go.
 */
import { documentName } from '../../src/model/document-name.ts'
import { room, type Scope } from '../../src/model/scope.ts'
import type { Presence } from '../../src/sync/presence.ts'
import type { PresenceMember } from '../../src/sync/presence-board.ts'
import { PresenceWatch } from '../checkers/true-presence.ts'
import { Violation } from '../checkers/violation.ts'
import { SaidPresence, type Shift, type Stay, wordOf } from '../oracle/said-presence.ts'
import type { Dice } from '../world/dice.ts'
import { allowingLater, machineCodes } from './refusals.ts'
import type { Conditions, Player, Seat, Workload } from './workload.ts'

const scopes: readonly Scope[] = [room('sim'), room('hall').conversation('left')]
const membersMax = 3
const roles = ['planner', 'critic', 'coder']

/**
 * A link that is dead is found after 40 s, and the longest pause before a dial is 10 s; what somebody had
 * said before is gone after 35 s, and until then may keep a relay from hearing it from elsewhere, which is
 * repeated within 15 s.
 */
const settledMillisecondsMax = 100_000
/** Where all are linked with one relay nothing is in the way of a word. */
const promptMillisecondsMax = 3_000
/** By then everybody has said it again, and who has not would be gone. */
const steadyMilliseconds = 36_000
/** How often is looked whether it is so, and whether it is still so. */
const pollMilliseconds = 250
const stayPollMilliseconds = 2_000

export const presence: Workload = {
  name: 'presence',
  besides: 0.15,
  plan(dice, conditions) {
    const party = new Party(dice, conditions)
    return {
      async join(seat) {
        const player = new PresencePlayer(seat, party)
        await player.enter()
        party.players.set(seat.name, player)
        return player
      },
    }
  },
}

/** What all players have in common. */
class Party {
  readonly scopes: readonly Scope[]
  /** Among peers whoever is a member passes on what it hears: the others may be linked by it alone. */
  readonly handlesMin: number
  readonly said = new SaidPresence()
  /** The latest of each machine. */
  readonly players = new Map<string, PresencePlayer>()
  readonly #becomesExact: boolean
  #conclusion: Promise<void> | undefined
  #words = 0

  constructor(dice: Dice, { topology, hostile }: Conditions) {
    const byRelay = topology === 'relay'
    this.scopes = byRelay && dice.chance(0.5) ? scopes : scopes.slice(0, 1)
    this.handlesMin = byRelay ? 0 : 1
    this.#becomesExact = byRelay && !hostile
  }

  /** A number that nobody has said yet. */
  fresh(): number {
    this.#words += 1
    return this.#words
  }

  /** For all players at once: whoever is the first looks after it. */
  conclude(seat: Seat): Promise<void> {
    this.#conclusion ??= this.#becomesExact ? this.#conclude(seat) : this.#outlast(seat)
    return this.#conclusion
  }

  /** Whoever was shown and has not been heard of since must be gone by then. */
  async #outlast(seat: Seat): Promise<void> {
    for (const player of this.players.values()) player.look()
    await sleep(seat, steadyMilliseconds)
    for (const player of this.players.values()) player.look()
  }

  async #conclude(seat: Seat): Promise<void> {
    const { dice } = seat
    const all = [...this.players.values()]
    await this.#untilExact(seat, 'all had healed', settledMillisecondsMax)
    dice.pick(all).change()
    await this.#untilExact(seat, 'somebody had said something', promptMillisecondsMax)
    dice.pick(all).leaveOne()
    await this.#untilExact(seat, 'somebody had left', promptMillisecondsMax)
    if (all.length > 1) await this.#cutOff(seat, dice.pick(all))
    await this.#stayExact(seat)
  }

  /** A relay says at once whose link has ended. */
  async #cutOff(seat: Seat, absent: PresencePlayer): Promise<void> {
    absent.disconnect()
    await this.#untilExact(seat, 'the link of one had ended', promptMillisecondsMax)
    absent.reconnect()
    await this.#untilExact(seat, 'it was back', settledMillisecondsMax)
  }

  async #untilExact(seat: Seat, since: string, milliseconds: number): Promise<void> {
    const { time, marks } = seat
    const start = time.monotonic()
    for (;;) {
      const why = this.#whyNotExact()
      const passed = time.monotonic() - start
      if (why === undefined) return marks.hit(`presence exact after ${since}`)
      if (passed > milliseconds) {
        throw new Violation('true presence', `${passed} ms after ${since}: ${why}`)
      }
      await sleep(seat, pollMilliseconds)
    }
  }

  async #stayExact(seat: Seat): Promise<void> {
    const start = seat.time.monotonic()
    while (seat.time.monotonic() - start < steadyMilliseconds) {
      const why = this.#whyNotExact()
      if (why !== undefined) throw new Violation('true presence', `after all was well: ${why}`)
      await sleep(seat, stayPollMilliseconds)
    }
  }

  #whyNotExact(): string | undefined {
    for (const player of this.players.values()) {
      const why = player.missing() ?? player.beyond()
      if (why !== undefined) return why
    }
    return undefined
  }
}

function sleep({ time }: Seat, milliseconds: number): Promise<void> {
  return new Promise(resolve => time.after(milliseconds, resolve))
}

/** A member of this replica, and what it is shown. */
interface Handle {
  readonly presence: Presence
  readonly stay: Stay
  readonly watch: PresenceWatch
}

class PresencePlayer implements Player {
  readonly #seat: Seat
  readonly #party: Party
  readonly #shift: Shift
  #handles: Handle[] = []
  /** What a listener was told that should not be. */
  #found: unknown

  constructor(seat: Seat, party: Party) {
    this.#seat = seat
    this.#party = party
    this.#shift = party.said.started(seat.name)
  }

  async act(): Promise<void> {
    const { dice, marks } = this.#seat
    const choice = dice.below(20)
    if (this.#handles.length === 0 || (choice < 2 && this.#handles.length < membersMax)) {
      await allowingLater(machineCodes, marks, () => this.enter())
    } else if (choice < 4) {
      this.leaveOne()
    } else {
      this.change()
    }
  }

  /** Enters a scope, where it watches until it says something. */
  async enter(): Promise<void> {
    const { dice, replica, name, time, guard } = this.#seat
    const { said } = this.#party
    const scope = dice.pick(this.#party.scopes)
    const actor = dice.pick([name, 'anybody'])
    const presence = await replica.presence(scope, { actor })
    const { id } = presence
    const document = documentName(scope, 'presence')
    const stay = said.entered({ id, machine: name, document, actor, shift: this.#shift })
    const watch = new PresenceWatch({ said, stay, time, guard })
    if (dice.chance(0.7)) presence.subscribe(members => this.#told(watch, members))
    this.#handles.push({ presence, stay, watch })
  }

  /** One of its members says something else than before, if it has any. */
  change(): void {
    const { dice, marks, guard } = this.#seat
    if (this.#handles.length === 0) return
    const { presence, stay } = dice.pick(this.#handles)
    const takesBack = dice.chance(0.2)
    const state = { n: this.#party.fresh(), pad: 'x'.repeat(dice.pick([0, 0, 0, 1000])) }
    const said = takesBack ? {} : { role: dice.pick(roles), state }
    stay.said.push({ word: wordOf(said), at: guard?.content.now ?? 0 })
    presence.set(said)
    marks.hit(takesBack ? 'presence taken back' : 'presence said')
  }

  /** One of its members leaves, if it may. */
  leaveOne(): void {
    if (this.#handles.length <= this.#party.handlesMin) return
    const handle = this.#seat.dice.pick(this.#handles)
    this.#handles = this.#handles.filter(other => other !== handle)
    handle.stay.left = true
    handle.presence.leave()
    this.#seat.marks.hit('presence left')
  }

  look(): void {
    if (this.#found !== undefined) throw this.#found
    for (const { presence, watch } of this.#handles) watch.look(presence.members())
  }

  view(): string {
    this.look()
    return '' // nothing of it is stored, and it goes another way than documents
  }

  /** Everybody is somewhere and has said something. */
  async settle(): Promise<void> {
    if (this.#handles.length === 0) await this.enter()
    this.change()
  }

  conclude(): Promise<void> {
    return this.#party.conclude(this.#seat)
  }

  leave(): void {
    this.#shift.over = true
  }

  /** Ends its link: to the others it is not there any more, nor they to it. */
  disconnect(): void {
    this.#seat.replica.disconnect()
    this.#shift.over = true
  }

  reconnect(): void {
    this.#shift.over = false
    this.#seat.replica.connect()
  }

  missing(): string | undefined {
    return this.#firstOf((watch, members) => watch.missing(members))
  }

  beyond(): string | undefined {
    this.look()
    return this.#firstOf((watch, members) => watch.beyond(members))
  }

  #firstOf(
    whyOf: (watch: PresenceWatch, members: readonly PresenceMember[]) => string | undefined,
  ): string | undefined {
    if (this.#shift.over) return undefined
    for (const { presence, watch } of this.#handles) {
      const why = whyOf(watch, presence.members())
      if (why !== undefined) return why
    }
    return undefined
  }

  #told(watch: PresenceWatch, members: readonly PresenceMember[]): void {
    try {
      watch.look(members)
    } catch (thrown) {
      this.#found ??= thrown
    }
  }
}
