/**
 * Introduces replicas that listen to one another, so that they link directly and go on when the relay
 * is gone; PROTOCOL.md, *Introductions*.
 *
 * - I1. Nobody is told of who has not asked to be introduced, and on a link that is still up.
 * - I2. Who is told of whom have a document in common, as far as their tokens say: a replica shows
 *       its token to whom it dials.
 */
import { StatemeshError } from '../src/base/error.ts'
import { type RandomSource, shuffled, systemRandom } from '../src/base/random.ts'
import type { Frame, IntroducedPeer } from '../src/protocol/frame.ts'
import type { LinkAccess } from './link-access.ts'
import type { RelayOptions } from './relay-options.ts'

/** A link whose other end asks to be introduced. */
export interface Guest {
  send(frame: Frame): void
}

/** So many others each is told of, and they of it: a mesh needs few to begin with. */
const introducedMax = 16

/** In UTF-16 units; a store's id is far shorter, and so are the addresses that there are. */
const textLengthMax = 1_024

interface Entry {
  readonly store: string
  readonly address: string
  readonly access: LinkAccess
}

export class Introductions {
  readonly #random: RandomSource
  readonly #guests = new Map<Guest, Entry>()

  constructor(random: RandomSource) {
    this.#random = random
  }

  /**
   * A guest says where it is; with an empty address it only asks for the others.
   *
   * @throws FRAME_INVALID when it speaks of others than itself, or at too great a length
   */
  introduce(guest: Guest, access: LinkAccess, peers: readonly IntroducedPeer[]): void {
    const [own] = peers
    if (own === undefined || peers.length > 1 || own.subject !== '') throw malformed('itself alone')
    const { store, address } = own
    if (Math.max(store.length, address.length) > textLengthMax) throw malformed('shorter ids')
    const entry = { store, address, access }
    this.#guests.set(guest, entry)
    const others = this.#whoMeets(guest, entry)
    const listed = others.map(([, other]) => introduced(other)).filter(isReachable)
    if (listed.length > 0) guest.send({ type: 'introduce', peers: listed })
    if (address === '') return
    for (const [other] of others) other.send({ type: 'introduce', peers: [introduced(entry)] })
  }

  /** A link has ended (I1). */
  leave(guest: Guest): void {
    this.#guests.delete(guest)
  }

  // I2
  #whoMeets(guest: Guest, { access, store }: Entry): [Guest, Entry][] {
    const chosen: [Guest, Entry][] = []
    for (const [other, entry] of shuffled([...this.#guests], this.#random)) {
      if (chosen.length >= introducedMax) break
      if (other === guest || entry.store === store || !entry.access.meets(access)) continue
      chosen.push([other, entry])
    }
    return chosen
  }
}

/** Those of a relay; undefined unless it was told to introduce its replicas. */
export function openIntroductions({
  discovery = false,
  random = systemRandom,
}: RelayOptions): Introductions | undefined {
  return discovery ? new Introductions(random) : undefined
}

function introduced({ store, address, access }: Entry): IntroducedPeer {
  return { store, address, subject: access.subject ?? '' }
}

function isReachable({ address }: IntroducedPeer): boolean {
  return address !== ''
}

function malformed(what: string): StatemeshError {
  return new StatemeshError('FRAME_INVALID', `who asks to be introduced names ${what}`)
}
