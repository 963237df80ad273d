/**
 * Who is in the mesh, as far as this replica has heard: every replica tells some of what it knows to
 * one of its links now and then, with how long ago somebody was last linked with each. No clocks are
 * compared, and who was not heard of for long is forgotten.
 */
import { type RandomSource, shuffled } from '../base/random.ts'
import type { TimeSource } from '../base/time.ts'
import type { MemberEntry } from '../protocol/frame.ts'

/** As many are remembered; a mesh of more is still connected by those. */
const membersMax = 1_024

/** How many of them a replica tells one of its links at a time. */
export const toldMembers = 8

/** Long enough for a machine to be away for, and for two halves of a network to find one another. */
const forgetSeconds = 3_600

interface Member {
  readonly address: string
  /** When (monotonic) somebody was linked with it. */
  readonly at: number
  /** The store that has told of it. */
  readonly from: string
}

export class Membership {
  readonly #time: TimeSource
  readonly #random: RandomSource
  /** By store. */
  readonly #members = new Map<string, Member>()

  constructor(time: TimeSource, random: RandomSource) {
    this.#time = time
    this.#random = random
  }

  /** Takes note of a member, as a store has told; what was heard later counts. */
  hear({ store, address, age }: MemberEntry, from: string): void {
    if (address === '' || age > forgetSeconds) return
    const at = this.#time.monotonic() - age * 1_000
    const known = this.#members.get(store)
    if (known !== undefined && known.at >= at) return
    if (known === undefined && this.#members.size >= membersMax) this.#forgetOne()
    this.#members.set(store, { address, at, from })
  }

  /** All members that are not forgotten. */
  list(): MemberEntry[] {
    const now = this.#time.monotonic()
    const members: MemberEntry[] = []
    for (const [store, { address, at }] of this.#members) {
      const age = Math.max(0, Math.floor((now - at) / 1_000))
      if (age > forgetSeconds) this.#members.delete(store)
      else members.push({ store, address, age })
    }
    return members
  }

  /** So many members, drawn at random. */
  sample(count: number): MemberEntry[] {
    return shuffled(this.list(), this.#random).slice(0, count)
  }

  /** The oldest of those that whoever told most has told of: a liar displaces what it said itself. */
  #forgetOne(): void {
    const told = new Map<string, number>()
    for (const { from } of this.#members.values()) told.set(from, (told.get(from) ?? 0) + 1)
    const [most] = [...told].sort(([, a], [, b]) => b - a)[0] ?? []
    const [oldest] = [...this.#members]
      .filter(([, { from }]) => from === most)
      .sort(([, a], [, b]) => a.at - b.at)
    if (oldest !== undefined) this.#members.delete(oldest[0])
  }
}
