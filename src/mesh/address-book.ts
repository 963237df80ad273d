/** The addresses at which a replica looks for peers: those the user has named, and those heard of. */
import type { MemberEntry } from '../protocol/frame.ts'
import type { Transport } from '../transport/transport.ts'
import { PeerAddress, type PeerAddressOptions } from './peer-address.ts'

export interface AddressBookOptions extends Pick<PeerAddressOptions, 'time' | 'random' | 'onLink'> {
  /** The store of this replica, which is no peer. */
  store: string
  /** Whether a store is linked. */
  isLinked(store: string): boolean
  onState(): void
}

/** Addresses beyond so many are forgotten, if nobody is linked there; any may be heard of again. */
const addressesMax = 1_024

export class AddressBook {
  readonly #options: AddressBookOptions
  readonly #addresses = new Map<string, PeerAddress>()

  constructor(options: AddressBookOptions) {
    this.#options = options
  }

  get all(): PeerAddress[] {
    return [...this.#addresses.values()]
  }

  /** How many are being dialled at this moment. */
  get dialling(): number {
    return this.all.filter(({ state }) => state.kind === 'dialling').length
  }

  isLinked({ store }: PeerAddress): boolean {
    return store !== undefined && this.#options.isLinked(store)
  }

  /** The entry of an address, a new one if there is none. */
  know(address: string, transport: Transport, isFixed: boolean): PeerAddress {
    const known = this.#addresses.get(address)
    if (known !== undefined) return known
    if (this.#addresses.size > addressesMax) this.#forget()
    const { time, random, onLink, onState } = this.#options
    const peer = new PeerAddress({
      ...{ address, isFixed, transport, time, random, onLink },
      onState: (state, from) => {
        // What was only heard of is tried again when there is need of it.
        if (!from.isFixed && (state.kind === 'waiting' || state.kind === 'refused')) from.rest()
        onState()
      },
    })
    this.#addresses.set(address, peer)
    return peer
  }

  /** Who could be dialled now: what the user has named, and these members. */
  candidates(heard: readonly MemberEntry[]): MemberEntry[] {
    const { time, store: own, isLinked } = this.#options
    const now = time.monotonic()
    const addresses = new Set(heard.map(({ address }) => address))
    const named = this.all.filter(({ address, isFixed }) => isFixed && !addresses.has(address))
    const all = [...heard, ...named.map(({ address, store = '' }) => ({ address, store, age: 0 }))]
    return all.filter(({ address, store }) => {
      const known = this.#addresses.get(address)
      const isFree = known === undefined || (known.rests && known.notBefore <= now)
      return isFree && store !== own && !isLinked(store)
    })
  }

  #forget(): void {
    for (const [name, address] of this.#addresses) {
      const isIdle = !address.isFixed && address.rests && !this.isLinked(address)
      if (isIdle) this.#addresses.delete(name)
    }
  }
}
