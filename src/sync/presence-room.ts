/** One document of which this replica says, and hears, who is here. */
import { StatemeshError } from '../base/error.ts'
import type { CancelTimer } from '../base/time.ts'
import type { DocumentName } from '../model/document-name.ts'
import type { Presence } from './presence.ts'
import { PresenceBoard, type Said } from './presence-board.ts'

/** Members of one replica in one document; a relay hears no more of one link. */
const ownMax = 16

export class PresenceRoom {
  readonly name: DocumentName
  readonly board: PresenceBoard = new PresenceBoard()
  readonly own: Set<Presence> = new Set()
  /** When our members were last announced (monotonic), and what takes back the next time. */
  announcedAt: number = Number.NEGATIVE_INFINITY
  cancelAnnouncement: CancelTimer | undefined

  constructor(name: DocumentName) {
    this.name = name
  }

  /** @throws LIMIT_REACHED */
  add(presence: Presence): void {
    if (this.own.size >= ownMax) {
      throw new StatemeshError('LIMIT_REACHED', `a replica is ${ownMax} members of a scope at most`)
    }
    this.own.add(presence)
  }

  /** What our members last announced. */
  get said(): Said[] {
    return [...this.own].flatMap(({ said }) => said ?? [])
  }

  /** What our members say now, each with a later clock. */
  announce(): Said[] {
    return [...this.own].flatMap(presence => presence.announce() ?? [])
  }

  /** Tells our members that others came, went or changed. */
  changed(): void {
    for (const presence of this.own) presence.changed()
  }
}
