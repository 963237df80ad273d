/**
 * What a room has accepted, on its way to the storage: gathered for a turn, appended as one, and
 * counted. The storage makes it durable in the order in which it was accepted, or fails.
 *
 * - J1. When an append fails, all that was accepted and is not durable is void, also what the storage
 *   takes all the same: it builds on what failed. See `readDocument` for what becomes of that.
 */
import { type StatemeshError, toStatemeshError } from '../src/base/error.ts'
import type { DocumentName } from '../src/model/document-name.ts'
import type { LaidOutUpdate } from '../src/model/update-splice.ts'
import type { Storage } from '../src/storage/storage.ts'
import type { Piece } from './stored-document.ts'
import { WriteBatch } from './write-batch.ts'

export interface RoomJournalOptions {
  document: DocumentName
  storage: Storage
  events: RoomJournalEvents
}

export interface RoomJournalEvents {
  /** A batch goes to the storage; `joined` is what is stored. */
  appending(batch: WriteBatch, joined: LaidOutUpdate): void
  committed(batch: WriteBatch, joined: LaidOutUpdate): void
  /** Everything beyond the durable position is void (J1); nothing is gathered or under way any more. */
  failed(error: StatemeshError): void
}

export class RoomJournal {
  readonly #options: RoomJournalOptions
  // Positions count the updates accepted.
  #position = 0
  #durablePosition = 0
  // Grows with every failed append: what was accepted before is void (J1).
  #epoch = 0
  /** What was accepted in this turn, and is not with the storage yet. */
  #gathered: WriteBatch | undefined
  /** Batches gathered or with the storage, void ones among them. */
  #underWay = 0
  #settled: (() => void)[] = []

  constructor(options: RoomJournalOptions) {
    this.#options = options
  }

  /** Of what was accepted last. */
  get position(): number {
    return this.#position
  }

  /** Up to which position everything is durable. */
  get durablePosition(): number {
    return this.#durablePosition
  }

  /** Whether nothing is under way. */
  get idle(): boolean {
    return this.#underWay === 0
  }

  /** Takes in an update, whose bytes must not change any more, and which builds on what came before. */
  add(writer: object, { update, layout }: Piece): void {
    this.#position += 1
    if (this.#gathered === undefined) {
      this.#gathered = new WriteBatch(this.#epoch)
      this.#underWay += 1
      queueMicrotask(() => this.flush())
    }
    this.#gathered.add(writer, update, layout)
  }

  /** Whether an update of so many bytes goes together with what was gathered before it. */
  fits(bytes: number): boolean {
    return this.#gathered?.fits(bytes) ?? true
  }

  /** Gives what was gathered to the storage. */
  flush(): void {
    const batch = this.#gathered
    if (batch === undefined) return
    this.#gathered = undefined
    const joined = batch.joined()
    this.#options.events.appending(batch, joined)
    void this.#append(batch, joined)
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>(resolve => this.#settled.push(resolve))
  }

  async #append(batch: WriteBatch, joined: LaidOutUpdate): Promise<void> {
    const { document, storage, events } = this.#options
    let failure: StatemeshError | undefined
    try {
      await storage.append(document, joined.update)
    } catch (thrown) {
      failure = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
    }
    this.#underWay -= 1
    if (batch.epoch === this.#epoch) {
      if (failure === undefined) {
        this.#durablePosition += batch.updates.length
        events.committed(batch, joined)
      } else {
        this.#void()
        events.failed(failure)
      }
    }
    this.#evaluateSettled()
  }

  // J1
  #void(): void {
    this.#epoch += 1
    this.#position = this.#durablePosition
    if (this.#gathered === undefined) return
    this.#gathered = undefined
    this.#underWay -= 1
  }

  #evaluateSettled(): void {
    if (this.#underWay > 0 || this.#settled.length === 0) return
    const settled = this.#settled
    this.#settled = []
    // Behind the end of the turn, which sends the acks.
    queueMicrotask(() => {
      for (const resolve of settled) resolve()
    })
  }
}
