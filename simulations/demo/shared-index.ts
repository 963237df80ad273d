/**
 * The shared index: the partitions in which the agents keep it, and how to read it back from any
 * replica. Each file of the text has a room.
 *
 * Nothing that two agents write can overwrite the other's: a register belongs to a section, which
 * belongs to one agent's share, and what all may add to is a native Yjs array or text.
 */
import { z } from 'zod'
import {
  agent,
  type CrdtPartition,
  definePartition,
  type RegisterPartition,
  type Replica,
  room,
} from '../../src/index.ts'
import {
  type SectionLink,
  type SectionSummary,
  sortIndex,
  type TermCount,
  type TextIndex,
  totalTerms,
} from './text-index.ts'

/** What is kept of a section, and who indexed it. */
export interface SectionEntry {
  readonly heading: string
  readonly words: number
  readonly agent: string
}

/** An agent's note on a section of its share. */
export interface DoneNote {
  /** In milliseconds since the epoch. */
  readonly doneAt: number
}

const Sections = definePartition({
  name: 'sections',
  policy: 'last-write-wins',
  schema: z.object({ heading: z.string(), words: z.number().int(), agent: z.string() }),
})

const Terms = definePartition({
  name: 'terms',
  policy: 'last-write-wins',
  schema: z.array(z.tuple([z.string(), z.number().int().positive()])),
})

/** The array `links` holds cross-references, the text `outline` a line for each section. */
const Findings = definePartition({ name: 'findings', policy: 'crdt' })

/** What an agent notes for itself: the sections that it is done with. */
const Notes = definePartition({
  name: 'notes',
  policy: 'last-write-wins',
  schema: z.object({ doneAt: z.number() }),
})

export interface FileRoom {
  readonly sections: RegisterPartition<SectionEntry>
  readonly terms: RegisterPartition<TermCount[]>
  readonly findings: CrdtPartition
}

export type AgentNotes = RegisterPartition<DoneNote>

/** Opens the partitions of a file's room. @throws as `Replica.open` does */
export async function openRoom(replica: Replica, file: string): Promise<FileRoom> {
  const scope = room(file)
  const [sections, terms, findings] = await Promise.all([
    replica.open(scope, Sections),
    replica.open(scope, Terms),
    replica.open(scope, Findings),
  ])
  return { sections, terms, findings }
}

/** Opens an agent's own notes. @throws as `Replica.open` does */
export function openNotes(replica: Replica, name: string): Promise<AgentNotes> {
  return replica.open(agent(name), Notes)
}

/** The links of a room. */
export function linksOf({ findings }: FileRoom): SectionLink[] {
  return findings.array<SectionLink>('links').toArray()
}

/** The lines of a room's outline. */
export function outlineOf({ findings }: FileRoom): string[] {
  return findings.text('outline').toString().split('\n').slice(0, -1)
}

/** Names a piece of what was written, so that acks and what survived can be compared. */
export const items = {
  section: (id: string): string => `section ${id}`,
  terms: (id: string): string => `terms ${id}`,
  outline: (id: string): string => `outline ${id}`,
  link: ({ from, to }: SectionLink): string => `link ${from} ${to}`,
  note: (id: string): string => `note ${id}`,
}

/** All that a replica holds of the shared index and of the agents' notes. */
export interface SharedIndex {
  readonly index: TextIndex
  /** The names of all pieces, see `items`. */
  readonly items: readonly string[]
}

/** Everything that makes up the shared index. */
export interface Shelves {
  readonly files: readonly string[]
  readonly agents: readonly string[]
}

/** Opens every document of the shared index, and the notes of every agent. */
export async function openShelves(
  replica: Replica,
  { files, agents }: Shelves,
): Promise<OpenShelves> {
  const rooms = await Promise.all(files.map(file => openRoom(replica, file)))
  const notes = await Promise.all(agents.map(name => openNotes(replica, name)))
  return { rooms, notes }
}

export interface OpenShelves {
  readonly rooms: readonly FileRoom[]
  readonly notes: readonly AgentNotes[]
}

/** Reads the shared index through the open partitions. */
export function readShelves({ rooms, notes }: OpenShelves): SharedIndex {
  const sections: SectionSummary[] = rooms.flatMap(room =>
    [...room.sections].map(([id, { heading, words }]) => ({ id, heading, words })),
  )
  const terms = rooms.flatMap(room => [...room.terms])
  const links = rooms.flatMap(linksOf)
  const outline = rooms.flatMap(outlineOf)
  return {
    index: sortIndex({ sections, terms: totalTerms(countsOf(terms)), links, outline }),
    items: [
      ...sections.map(({ id }) => items.section(id)),
      ...terms.map(([id]) => items.terms(id)),
      ...outline.map(line => items.outline(line.split('\t', 1)[0] as string)),
      ...links.map(items.link),
      ...notes.flatMap(note => [...note.keys()].map(items.note)),
    ],
  }
}

function countsOf(terms: readonly [string, TermCount[]][]): TermCount[][] {
  return terms.map(([, counts]) => counts)
}
