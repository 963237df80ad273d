/**
 * The history of a fleet: what its processes say they did, were told and saw. A record is written
 * to a pipe in the same turn as what it tells of, before anything of that can have left the
 * process; so what a killed process did is known to whoever reads the pipe to its end.
 */

export type ClockList = readonly (readonly [writer: number, clock: number])[]

/** How far each writer of each document is known. */
export type DocumentClocks = { readonly [document: string]: ClockList }

/** How a write of a register is recognised. */
export interface WriteStamp {
  readonly writer: number
  readonly timestamp: number
}

export interface WroteRecord {
  readonly kind: 'wrote'
  readonly document: string
  readonly key: string
  readonly writer: number
  /** The clock of its writer behind it. */
  readonly end: number
  /** What its author knew when it was made. */
  readonly seen: ClockList
  readonly label: string
}

export interface SawRecord {
  readonly kind: 'saw'
  readonly document: string
  readonly known: ClockList
  readonly siblings: { readonly [key: string]: readonly WriteStamp[] }
  /** Keys that are only ever written together. */
  readonly together: readonly string[]
}

export interface CountedRecord {
  readonly kind: 'counted'
  readonly document: string
  readonly key: string
  readonly writer: number
  readonly end: number
  readonly by: number
}

export interface SummedRecord {
  readonly kind: 'summed'
  readonly document: string
  readonly key: string
  readonly known: ClockList
  readonly value: number
}

export type WorkerRecord =
  /** The replica is open, and holds so much of each document on its own disk. */
  | { readonly kind: 'opened'; readonly clocks: DocumentClocks }
  /** An operation begins. */
  | { readonly kind: 'invoked'; readonly operation: string }
  | WroteRecord
  | SawRecord
  | CountedRecord
  | SummedRecord
  /** So much is asked to be minted; it may be there from now on. */
  | { readonly kind: 'minting'; readonly amount: number }
  /** So much was acknowledged as spent. */
  | { readonly kind: 'spent'; readonly amount: number }
  /** So much stands in the ledger as spent. */
  | { readonly kind: 'ledger'; readonly spent: number }
  /** A flush has acknowledged so much. */
  | {
      readonly kind: 'flushed'
      readonly level: 'local' | 'durable'
      readonly clocks: DocumentClocks
    }
  /** An operation or a flush answered with a code that it may answer with. */
  | { readonly kind: 'refused'; readonly code: string }
  /** The answer to `tell`. */
  | {
      readonly kind: 'told'
      readonly unsynced: number
      readonly link: string
      readonly digests: { readonly [document: string]: string }
    }
  /** The answer to `confirm`: everything is durable, and reads like this. */
  | {
      readonly kind: 'confirmed'
      readonly clocks: DocumentClocks
      readonly views: readonly string[]
    }
  /** A promise was broken that can be checked in the process itself. */
  | { readonly kind: 'broken'; readonly message: string }

/** What a process is asked to do. */
export type Order =
  | { readonly kind: 'start'; readonly assignment: Assignment }
  /** To work no more, until `work`. */
  | { readonly kind: 'rest' }
  | { readonly kind: 'work' }
  | { readonly kind: 'tell' }
  | { readonly kind: 'confirm' }
  /** To close in peace, and end. */
  | { readonly kind: 'close' }

export interface Assignment {
  readonly name: string
  /** The directory of its LevelDB. */
  readonly directory: string
  /** The relay's address, as this process reaches it. */
  readonly relay: string
  readonly seed: number
  /** How often it was started before. */
  readonly life: number
  readonly thinkMilliseconds: number
  readonly operationsPerFlush: number
}

/** A record as the history keeps it: who said it, and when the process did. */
export interface HistoryLine {
  readonly who: string
  /** In milliseconds since the Unix epoch, by the one clock of the machine. */
  readonly at: number
  readonly record: WorkerRecord
}

/** How far the writers of a document are known. */
export function clocksOf(clocks: DocumentClocks, document: string): Map<number, number> {
  return readClocks(clocks[document] ?? [])
}

export function listClocks(clocks: ReadonlyMap<number, number>): ClockList {
  return [...clocks]
}

export function readClocks(list: ClockList): Map<number, number> {
  return new Map(list)
}

/** The sum of all clocks: what has seen more has a greater one. */
export function extent(list: ClockList): number {
  return list.reduce((sum, [, clock]) => sum + clock, 0)
}
