/**
 * The channels of a link, by document and by the numbers of both ends. Most links have a few, which
 * are looked through; a link with many gets a map for each way of asking, and those cost as much
 * as a channel.
 */
import type { Channel } from './channel.ts'

/** From here on looking through them takes longer than a map. */
const listedMax = 8

interface ChannelMaps {
  readonly byDocument: Map<string, Channel>
  readonly byNumber: Map<number, Channel>
  readonly byPeerNumber: Map<number, Channel>
}

export class ChannelTable {
  #list: Channel[] = []
  #maps: ChannelMaps | undefined

  get size(): number {
    return this.#maps?.byDocument.size ?? this.#list.length
  }

  /** All of them; others may be added and removed meanwhile. */
  all(): readonly Channel[] {
    return this.#maps === undefined ? [...this.#list] : [...this.#maps.byDocument.values()]
  }

  ofDocument(document: string): Channel | undefined {
    if (this.#maps !== undefined) return this.#maps.byDocument.get(document)
    return this.#list.find(({ room }) => room.document === document)
  }

  /** By the number on which we send. */
  ofNumber(number: number): Channel | undefined {
    if (this.#maps !== undefined) return this.#maps.byNumber.get(number)
    return this.#list.find(channel => channel.number === number)
  }

  /** By the number on which the peer sends. */
  ofPeerNumber(number: number): Channel | undefined {
    if (this.#maps !== undefined) return this.#maps.byPeerNumber.get(number)
    for (const channel of this.#list) if (channel.peerNumber === number) return channel
    return undefined
  }

  add(channel: Channel): void {
    if (this.#maps === undefined && this.#list.length < listedMax) {
      // Not pushed: that would make room for sixteen more.
      this.#list = [...this.#list, channel]
      return
    }
    if (this.#maps === undefined) {
      this.#maps = { byDocument: new Map(), byNumber: new Map(), byPeerNumber: new Map() }
      for (const listed of this.#list) enter(this.#maps, listed)
      this.#list = []
    }
    enter(this.#maps, channel)
  }

  /** The peer sends on another number now. */
  renumber(channel: Channel, peerNumber: number): void {
    this.#maps?.byPeerNumber.delete(channel.peerNumber)
    channel.peerNumber = peerNumber
    this.#maps?.byPeerNumber.set(peerNumber, channel)
  }

  remove(channel: Channel): void {
    if (this.#maps === undefined) {
      this.#list = this.#list.filter(listed => listed !== channel)
      return
    }
    this.#maps.byDocument.delete(channel.room.document)
    this.#maps.byNumber.delete(channel.number)
    this.#maps.byPeerNumber.delete(channel.peerNumber)
  }

  clear(): void {
    this.#list = []
    this.#maps = undefined
  }
}

function enter({ byDocument, byNumber, byPeerNumber }: ChannelMaps, channel: Channel): void {
  byDocument.set(channel.room.document, channel)
  byNumber.set(channel.number, channel)
  byPeerNumber.set(channel.peerNumber, channel)
}
