/**
 * Who is here, by scope: announces this replica's members on every link that exchanges the document
 * of a scope, and collects what others announce; PROTOCOL.md, *Presence*.
 *
 * - N1. A replica that shows or asks for tokens speaks for itself alone. Others pass on what is news to
 *   them: to peers that listen, and to the relay what peers have said.
 * - N2. What is said of our own members by others is answered with a later clock.
 */
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { RandomSource } from '../base/random.ts'
import type { CancelTimer, TimeSource } from '../base/time.ts'
import type { DocumentSet } from '../document/document-set.ts'
import type { DocumentName } from '../model/document-name.ts'
import {
  type AwarenessEntry,
  decodeAwarenessUpdate,
  encodeAwarenessUpdate,
  encodeAwarenessUpdates,
} from '../protocol/awareness-update.ts'
import { Presence } from './presence.ts'
import type { PresenceExchange, PresenceLink } from './presence-exchange.ts'
import { PresenceRoom } from './presence-room.ts'

export interface PresencesOptions {
  time: TimeSource
  random: RandomSource
  documents: DocumentSet
  /** Whether this replica passes on what others say (N1). */
  passesOn: boolean
  onWarning(error: StatemeshError): void
}

/** How often it is looked who is gone, and how many looks there are to one announcement. */
const tickMilliseconds = 5_000
const ticksPerAnnouncement = 3

/** How long after an announcement the next one may follow. */
const gapMilliseconds = 50

/** So many entries may come on a link, or be asked for, in a second: thousands of members. */
const entriesPerSecondMax = 4_096

/** Other messages fit between two of this length. */
const updateBytesMax = 65_536

interface Spent {
  from: number
  entries: number
}

export class Presences implements PresenceExchange {
  readonly #options: PresencesOptions
  readonly #links = new Map<PresenceLink, Spent>()
  readonly #rooms = new Map<DocumentName, PresenceRoom>()
  #cancelTick: CancelTimer | undefined
  #ticks = 0
  #closed = false

  constructor(options: PresencesOptions) {
    this.#options = options
  }

  /** @throws CLOSED, LIMIT_REACHED, STORAGE_UNAVAILABLE, STORAGE_CORRUPT */
  async enter(name: DocumentName, actor: string): Promise<Presence> {
    const { documents, random, time, onWarning } = this.#options
    const { release } = await documents.hold(name)
    try {
      if (this.#closed) throw new StatemeshError('CLOSED', 'the replica was closed')
      const room = this.#rooms.get(name) ?? this.#newRoom(name)
      const presence = new Presence({
        ...{ actor, time, onWarning },
        id: random.uint32(),
        members: () => room.board.members,
        others: () => room.own,
        onSet: () => this.#announceSoon(room),
        onLeave: gone => {
          room.own.delete(presence)
          if (gone !== undefined) {
            room.board.left(gone)
            this.#pass(room, [gone])
          }
          if (room.own.size === 0) this.#endRoom(room)
          else room.changed()
          release()
        },
      })
      room.add(presence)
      return presence
    } catch (thrown) {
      release()
      throw thrown
    }
  }

  linked(link: PresenceLink): void {
    this.#links.set(link, { from: 0, entries: 0 })
  }

  unlinked(link: PresenceLink): void {
    this.#links.delete(link)
    for (const { board } of this.#rooms.values()) board.unlinked(link)
  }

  opened(link: PresenceLink, document: DocumentName): void {
    const room = this.#rooms.get(document)
    if (room === undefined) return
    link.tell(document, nobody)
    if (this.#options.passesOn && link.isRelay) tellAll(link, document, room.board.saidByPeers)
    // With a later clock: the relay may have taken us off when an earlier link ended.
    this.#announceSoon(room)
  }

  heard(link: PresenceLink, document: DocumentName, update: Uint8Array): void {
    const room = this.#rooms.get(document)
    if (room === undefined) return
    const entries = this.#decode(link, update)
    if (entries === undefined) return
    const asks = entries.length === 0
    const told = asks ? this.#toldOn(link, room) : []
    if (!this.#affords(link, 1 + entries.length + told.length)) return
    if (asks) return tellAll(link, document, told)
    const { time, passesOn } = this.#options
    const at = { now: time.now(), monotonic: time.monotonic() }
    const others = entries.filter(entry => !this.#isOfOurs(room, entry))
    const news = room.board.apply(others, link, at)
    if (news.length === 0) return
    if (passesOn) this.#pass(room, news, link)
    room.changed()
  }

  /** A relay may be set to take more than is taken here; its link is worth more than that. */
  #decode(link: PresenceLink, update: Uint8Array): AwarenessEntry[] | undefined {
    try {
      return decodeAwarenessUpdate(update)
    } catch (thrown) {
      const error = toStatemeshError(thrown, 'FRAME_INVALID')
      if (!link.isRelay || error.code !== 'FRAME_TOO_LARGE') throw error
      this.#options.onWarning(error)
      return undefined
    }
  }

  /** Takes all members of this replica off, where links are still up. */
  close(): void {
    this.#closed = true
    for (const { own } of [...this.#rooms.values()]) for (const one of [...own]) one.leave()
    this.#cancelTick?.()
  }

  #newRoom(name: DocumentName): PresenceRoom {
    const room = new PresenceRoom(name)
    this.#rooms.set(name, room)
    for (const link of this.#links.keys()) link.tell(name, nobody)
    if (this.#rooms.size === 1) this.#tick()
    return room
  }

  #endRoom(room: PresenceRoom): void {
    room.cancelAnnouncement?.()
    this.#rooms.delete(room.name)
    if (this.#rooms.size === 0) this.#cancelTick?.()
  }

  // N2
  #isOfOurs(room: PresenceRoom, entry: AwarenessEntry): boolean {
    for (const presence of room.own) {
      if (presence.id !== entry.clientID) continue
      if (presence.contradictedBy(entry)) this.#announceSoon(room)
      return true
    }
    return false
  }

  #tick(): void {
    this.#cancelTick = this.#options.time.after(tickMilliseconds, () => {
      this.#ticks += 1
      for (const room of [...this.#rooms.values()]) {
        if (room.board.expire(this.#options.time.monotonic())) room.changed()
        if (this.#ticks % ticksPerAnnouncement === 0) this.#announceSoon(room)
      }
      if (this.#rooms.size > 0) this.#tick()
    })
  }

  #announceSoon(room: PresenceRoom): void {
    if (room.cancelAnnouncement !== undefined) return
    const { time } = this.#options
    const wait = Math.max(0, room.announcedAt + gapMilliseconds - time.monotonic())
    room.cancelAnnouncement = time.after(wait, () => {
      room.cancelAnnouncement = undefined
      room.announcedAt = time.monotonic()
      this.#pass(room, room.announce())
    })
  }

  /** Sends what was said of some to those who listen, but not back (N1). */
  #pass(room: PresenceRoom, entries: readonly AwarenessEntry[], source?: PresenceLink): void {
    for (const link of this.#links.keys()) {
      if (link !== source && link.listens(room.name)) tellAll(link, room.name, entries)
    }
  }

  #toldOn(link: PresenceLink, room: PresenceRoom): AwarenessEntry[] {
    const passed = this.#options.passesOn && !link.isRelay ? room.board.said : []
    return [...room.said, ...passed]
  }

  #affords(link: PresenceLink, entries: number): boolean {
    const spent = this.#links.get(link)
    if (spent === undefined) return false
    const now = this.#options.time.monotonic()
    if (now - spent.from >= 1_000) Object.assign(spent, { from: now, entries: 0 })
    const before = spent.entries
    spent.entries += entries
    if (spent.entries <= entriesPerSecondMax || before === 0) return true
    // Once a second: it is said again, and who goes on so is cut off in the end.
    if (before <= entriesPerSecondMax) {
      link.offended(new StatemeshError('RATE_LIMITED', 'it says too often who is here'))
    }
    return false
  }
}

const nobody = encodeAwarenessUpdate([])

function tellAll(
  link: PresenceLink,
  document: DocumentName,
  entries: readonly AwarenessEntry[],
): void {
  for (const update of encodeAwarenessUpdates(entries, updateBytesMax)) link.tell(document, update)
}
