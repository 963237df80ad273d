/**
 * Who a store is this time. A store that was closed cleanly comes back as itself; one that was
 * not may have lost its tail, so it comes back under a new generation and a new clientID: a
 * clientID whose last writes may be lost must never write again, since Yjs would take the new
 * writes for the lost ones, for ever.
 */
import * as buffer from 'lib0/buffer'
import type { RandomSource } from '../base/random.ts'
import { randomId } from '../base/random.ts'
import type { Storage } from './storage.ts'

const recordKey = 'incarnation'

export interface IncarnationRecord {
  generation: string
  clientID: number
  /** Whether this incarnation ended with everything it wrote on disk. */
  clean: boolean
  /** See `formerClientIDs`. */
  former: number[]
}

/** As many unclean stops are remembered; the rights of older ones stay where they are. */
const formerMax = 1_000

export class Incarnation {
  readonly #storage: Storage
  readonly #random: RandomSource
  readonly #former: readonly number[]
  #generation: string
  #clientID: number

  constructor(storage: Storage, random: RandomSource, previous: IncarnationRecord | undefined) {
    this.#storage = storage
    this.#random = random
    this.#generation = previous?.clean ? previous.generation : randomId(random)
    this.#clientID = previous?.clean ? previous.clientID : random.uint32()
    const former = previous?.former ?? []
    if (previous && !previous.clean) former.push(previous.clientID)
    this.#former = former.slice(-formerMax)
  }

  /**
   * The clientIDs that this store gave up after unclean stops, oldest first: nobody writes with
   * them any more, and nothing that was durable here has been lost since. Those that were given up
   * for another reason, see `renew`, are not among them.
   */
  get formerClientIDs(): readonly number[] {
    return this.#former
  }

  /** The store's incarnation, as peers know it. */
  get generation(): string {
    return this.#generation
  }

  /** The Yjs clientID of everything that this incarnation writes. */
  get clientID(): number {
    return this.#clientID
  }

  /**
   * Becomes a new incarnation at once: the store turned out to have lost data, or a peer knows
   * more of our clientID than we do. To be recorded with `begin` before anything that follows.
   */
  renew(): void {
    this.#generation = randomId(this.#random)
    this.#clientID = this.#random.uint32()
  }

  /** Records that the store is in use, durably, so that a crash from here on is noticed. */
  begin(): Promise<void> {
    return this.#write(false)
  }

  /** Records a clean end. To be called last, when every other write is durable. */
  end(): Promise<void> {
    return this.#write(true)
  }

  #write(clean: boolean): Promise<void> {
    const record: IncarnationRecord = {
      generation: this.#generation,
      clientID: this.#clientID,
      clean,
      former: [...this.#former],
    }
    return this.#storage.writeRecord(recordKey, buffer.encodeAny({ ...record }))
  }
}

/**
 * Opens a store's incarnation and records durably that it is in use. A record that cannot be read
 * counts as an unclean end.
 *
 * @throws STORAGE_UNAVAILABLE, CLOSED
 */
export async function openIncarnation(
  storage: Storage,
  random: RandomSource,
): Promise<Incarnation> {
  const stored = (await storage.records(recordKey)).get(recordKey)
  const incarnation = new Incarnation(storage, random, stored && parseRecord(stored))
  await incarnation.begin()
  return incarnation
}

/**
 * What a store says of its incarnation, without taking it into use; undefined where it says nothing.
 *
 * @throws STORAGE_UNAVAILABLE, CLOSED
 */
export async function readIncarnation(
  storage: Pick<Storage, 'records'>,
): Promise<Readonly<IncarnationRecord> | undefined> {
  const stored = (await storage.records(recordKey)).get(recordKey)
  return stored && parseRecord(stored)
}

function parseRecord(stored: Uint8Array): IncarnationRecord | undefined {
  let record: Partial<IncarnationRecord> | null
  try {
    record = buffer.decodeAny(stored)
  } catch {
    return undefined // damaged: an unclean end
  }
  const { generation, clientID, clean, former } = record ?? {}
  if (typeof generation !== 'string' || typeof clean !== 'boolean') return undefined
  if (!Number.isInteger(clientID)) return undefined
  if (!Array.isArray(former) || !former.every(Number.isInteger)) return undefined
  return { generation, clientID: clientID as number, clean, former }
}
