/** What the coordinator and an agent process say to each other, as JSON over the IPC channel. */

import type { CouncilReport, CouncilTask } from './council.ts'
import type { SharedIndex } from './shared-index.ts'
import type { Section } from './text-section.ts'

/** What an agent is told when its process starts. */
export interface Assignment {
  readonly name: string
  /** The directory of its LevelDB. */
  readonly directory: string
  /** The relay's address, as this agent reaches it. */
  readonly relay: string
  /** The addresses of the agents to link with directly; undefined where all goes through the relay. */
  readonly peers?: readonly string[]
  /** The sections that are its own to index. */
  readonly share: readonly Section[]
  /** The ids of all sections, in the order of the text. */
  readonly sectionIds: readonly string[]
  readonly files: readonly string[]
  readonly agents: readonly string[]
}

export type ToAgent =
  | { readonly kind: 'assignment'; readonly assignment: Assignment }
  /** It may go on with the section that it has begun: the coordinator sets the pace. */
  | { readonly kind: 'go' }
  /** It is to be cut off from everybody, or to find them again. */
  | { readonly kind: 'cut' | 'mend' }
  /** The work is done: one thing more, together with the others. */
  | { readonly kind: 'task'; readonly task: CouncilTask }
  /** Everybody is done: open the replica afresh, say what it holds, and end. */
  | { readonly kind: 'read' }

export type FromAgent =
  /** Other agents can dial it here. */
  | { readonly kind: 'listening'; readonly address: string }
  /** The replica is open; these sections are done, by what it found on its own disk. */
  | { readonly kind: 'started'; readonly done: readonly string[] }
  /** A section was begun: part of it is written, and it is not recorded as done. */
  | { readonly kind: 'begun'; readonly section: string }
  | { readonly kind: 'done'; readonly section: string }
  /** How much this process has written so far. */
  | { readonly kind: 'writes'; readonly writes: number; readonly links: number }
  /** These pieces were acked, by the relay as durable or by a peer as replicated; see `items` in shared-index.ts. */
  | { readonly kind: 'durable'; readonly items: readonly string[] }
  /** Its replica warned of something, or the relay refused something. */
  | { readonly kind: 'warning'; readonly message: string }
  /** Its share is done, all sections of the others were seen, and everything is durable. */
  | { readonly kind: 'finished' }
  | { readonly kind: 'task-done'; readonly task: CouncilTask; readonly report: CouncilReport }
  | { readonly kind: 'holds'; readonly holding: Holding }
  | { readonly kind: 'failed'; readonly error: string }

/** What a replica or the relay holds at the end. */
export interface Holding extends SharedIndex {
  /** SHA-256 of each document as it is on disk, in hex, by the document's name. */
  readonly digests: { readonly [document: string]: string }
}
