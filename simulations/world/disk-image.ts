/** What lies on a simulated disk: logs and records, changed write by write. */
import type { Storage, StoredDocument, StoredUpdate } from '../../src/storage/storage.ts'
import type { Dice } from './dice.ts'

export type DiskWrite = { readonly bytes: number; readonly alone: boolean } & (
  | { readonly kind: 'append'; readonly document: string; readonly update: Uint8Array }
  | {
      readonly kind: 'replace'
      readonly document: string
      readonly through: number
      readonly update: Uint8Array
    }
  | { readonly kind: 'remove'; readonly document: string }
  | { readonly kind: 'record'; readonly key: string; readonly value: Uint8Array | undefined }
)

interface Log {
  updates: StoredUpdate[]
  nextClock: number
}

export class DiskImage {
  readonly #logs = new Map<string, Log>()
  readonly #records = new Map<string, Uint8Array>()
  /** Clocks of updates with a flipped bit, which the seal of a record would tell. */
  readonly #damaged = new Map<string, Set<number>>()

  /** The log of a document. Damaged updates are set aside, so they are reported once. */
  load(document: string): StoredDocument {
    const damagedClocks = this.#damaged.get(document)
    const updates = this.#logs.get(document)?.updates ?? []
    if (damagedClocks === undefined) return { updates: [...updates], damaged: [] }
    const damaged = updates
      .filter(({ clock }) => damagedClocks.has(clock))
      .map(({ clock }) => ({ document, clock, reason: 'its seal is broken' }))
    return { updates: updates.filter(({ clock }) => !damagedClocks.has(clock)), damaged }
  }

  /** Takes what is damaged out of a log, once it was reported. */
  setAside(document: string): void {
    const clocks = this.#damaged.get(document)
    const log = this.#logs.get(document)
    if (clocks === undefined || log === undefined) return
    log.updates = log.updates.filter(({ clock }) => !clocks.has(clock))
    this.#damaged.delete(document)
  }

  documents(): string[] {
    return [...this.#logs].filter(([, { updates }]) => updates.length > 0).map(([name]) => name)
  }

  records(prefix: string): ReadonlyMap<string, Uint8Array> {
    const found = [...this.#records].filter(([key]) => key.startsWith(prefix))
    const encode = (text: string) => Buffer.from(text)
    return new Map(found.sort(([a], [b]) => Buffer.compare(encode(a), encode(b))))
  }

  /** Answers the clock of an append; 0 for everything else. */
  apply(write: DiskWrite): number {
    switch (write.kind) {
      case 'append':
        return this.#append(write.document, write.update)
      case 'replace':
        this.#replace(write.document, write.through, write.update)
        return 0
      case 'remove':
        this.#log(write.document).updates = []
        return 0
      case 'record':
        if (write.value) this.#records.set(write.key, write.value)
        else this.#records.delete(write.key)
        return 0
    }
  }

  /** Takes the updates away that a replacement merges, as a disk that does it in two steps would. */
  cut(write: DiskWrite | undefined): void {
    if (write?.kind !== 'replace') return
    const log = this.#log(write.document)
    log.updates = log.updates.filter(({ clock }) => clock > write.through)
  }

  /** Takes back what an append added, as a disk that lied about its fsync would. */
  revert(write: DiskWrite): void {
    if (write.kind !== 'append') return
    const log = this.#log(write.document)
    log.updates = log.updates.filter(({ update }) => update !== write.update)
  }

  copy(): DiskImage {
    const copy = new DiskImage()
    for (const [name, { updates, nextClock }] of this.#logs) {
      copy.#logs.set(name, { updates: [...updates], nextClock })
    }
    for (const [key, value] of this.#records) copy.#records.set(key, value)
    for (const [name, clocks] of this.#damaged) copy.#damaged.set(name, new Set(clocks))
    return copy
  }

  /** Damages one update; false where none is stored. */
  damage(dice: Dice): boolean {
    const names = this.documents()
    if (names.length === 0) return false
    const name = dice.pick(names)
    const { clock } = dice.pick(this.#log(name).updates)
    const clocks = this.#damaged.get(name) ?? new Set()
    this.#damaged.set(name, clocks.add(clock))
    return true
  }

  #log(document: string): Log {
    let log = this.#logs.get(document)
    if (log === undefined) {
      log = { updates: [], nextClock: 0 }
      this.#logs.set(document, log)
    }
    return log
  }

  #append(document: string, update: Uint8Array): number {
    const log = this.#log(document)
    const clock = log.nextClock
    log.nextClock += 1
    log.updates.push({ clock, update })
    return clock
  }

  #replace(document: string, through: number, update: Uint8Array): void {
    const log = this.#log(document)
    if (!log.updates.some(({ clock }) => clock === through)) return
    const later = log.updates.filter(({ clock }) => clock > through)
    log.updates = [{ clock: through, update }, ...later]
  }
}

/** The part of the storage port that only reads. */
export type DiskReads = Pick<Storage, 'load' | 'documents' | 'records'>
