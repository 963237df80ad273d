/**
 * Dials until a replica has the least number of links, and looks all the same for peers whose links broke,
 * and for those of whom nobody has told anything new, so that the halves of a mesh meet again.
 */
import { type RandomSource, randomFraction, shuffled } from '../base/random.ts'
import type { CancelTimer, TimeSource } from '../base/time.ts'
import type { MemberEntry } from '../protocol/frame.ts'
import type { Transport } from '../transport/transport.ts'
import type { AddressBook } from './address-book.ts'
import { type Membership, toldMembers } from './membership.ts'

export interface PeerSearchOptions {
  time: TimeSource
  random: RandomSource
  /** How addresses are dialled that were heard of. */
  transport: Transport
  linksMin: number
  addresses: AddressBook
  members: Membership
  /** How many links there are, or may be in a moment. */
  links(): number
  /** Whether nobody is linked. */
  isAlone(): boolean
  /** Whether anybody is to be dialled. */
  isOn(): boolean
}

/** How long a replica that lacks links waits at most before it dials. */
const fillMilliseconds = 500

/** How long an address is left alone that was dialled, within a factor of 2. */
const pauseMilliseconds = 15_000

/** The same where a replica has no link at all, and how soon it looks for another address then. */
const alonePauseMilliseconds = 1_000

/** For so long a peer is looked for whose link broke. */
const lostMilliseconds = 600_000

/**
 * In so long everybody has heard of everybody again in a mesh of as few as one is told of at a time; in a
 * larger one it takes longer. Who was not heard of for longer is looked for as if its link had broken: a mesh may also
 * fall in two as links beyond the greatest number end.
 */
const newsSeconds = 60

/** How many replicas of a mesh look for lost peers in a tick, so that halves meet in few places. */
const seekersMax = 10

/** How often a replica dials a member that it does not need, as a share of the ticks: to mix. */
const mixShare = 1 / 30

export class PeerSearch {
  readonly #options: PeerSearchOptions
  /** Peers whose links broke, and until when (monotonic) they are looked for. */
  readonly #lost = new Map<string, number>()
  #cancelFill: CancelTimer | undefined

  constructor(options: PeerSearchOptions) {
    this.#options = options
  }

  /** Dials whom it lacks, and now and then somebody whom it has lost. */
  fill(): void {
    const { linksMin, random, time, transport, addresses, members, links, isAlone } = this.#options
    const now = time.monotonic()
    const candidates = shuffled(addresses.candidates(members.list()), random)
    const lacking = linksMin - links()
    const chosen = lacking > 0 ? candidates.slice(0, lacking) : this.#beyondNeed(candidates, now)
    const pause = isAlone() ? alonePauseMilliseconds : pauseMilliseconds
    for (const { address, store } of chosen) {
      const known = addresses.know(address, transport, false)
      known.store ??= store === '' ? undefined : store
      known.notBefore = now + (1 + randomFraction(random)) * pause
      known.dial()
    }
    if (isAlone()) this.#fillAfter((1 + randomFraction(random)) * alonePauseMilliseconds)
  }

  /** After a moment, so that many who lose a link at once do not dial at once. */
  fillLater(): void {
    this.#fillAfter(randomFraction(this.#options.random) * fillMilliseconds)
  }

  /** There is a link to a store. After a time without any, others may be reached again as well. */
  found(store: string, isFirst: boolean): void {
    this.#lost.delete(store)
    if (!isFirst) return
    for (const address of this.#options.addresses.all) address.notBefore = 0
    this.stop()
    this.fillLater()
  }

  /** The link to a store broke. */
  lose(store: string): void {
    const now = this.#options.time.monotonic()
    for (const [other, until] of this.#lost) if (until <= now) this.#lost.delete(other)
    this.#lost.set(store, now + lostMilliseconds)
  }

  stop(): void {
    this.#cancelFill?.()
    this.#cancelFill = undefined
  }

  #fillAfter(milliseconds: number): void {
    const { time, isOn } = this.#options
    if (this.#cancelFill !== undefined || !isOn()) return
    this.#cancelFill = time.after(milliseconds, () => {
      this.#cancelFill = undefined
      this.fill()
    })
  }

  /** One of those who are lost; few replicas of a large mesh look at a time. */
  #beyondNeed(candidates: readonly MemberEntry[], now: number): MemberEntry[] {
    const { random } = this.#options
    const unheardSeconds = newsSeconds * Math.ceil((candidates.length + 1) / toldMembers)
    const lost = candidates.filter(({ store, age }) => {
      const isUnheard = age > unheardSeconds && age * 1_000 < lostMilliseconds
      return isUnheard || (this.#lost.get(store) ?? 0) > now
    })
    const share = lost.length > 0 ? seekersMax / (candidates.length + 1) : mixShare
    return randomFraction(random) < share ? (lost.length > 0 ? lost : candidates).slice(0, 1) : []
  }
}
