/**
 * An agent's work: it indexes its share of the text, section by section, and follows what the
 * others index at the same time to find cross-references.
 *
 * I1. A section is noted as done only when all of it is on this replica's disk. What is begun and
 *     not done is done again after a crash, and doing it twice is harmless.
 * I2. Of two sections that belong together, the agent that owns the earlier one writes the link.
 * I3. The work never waits for others until the share is done.
 */
import { type FlushOptions, type Replica, systemTime } from '../../src/index.ts'
import { DurableAcks } from './durable-acks.ts'
import type { Assignment, FromAgent } from './messages.ts'
import {
  type AgentNotes,
  type FileRoom,
  items,
  linksOf,
  openNotes,
  openRoom,
} from './shared-index.ts'
import {
  countTerms,
  linkSections,
  outlineLine,
  outlinePosition,
  summarize,
  type TermCount,
} from './text-index.ts'
import type { Section } from './text-section.ts'

interface SeenSection {
  readonly id: string
  readonly terms: readonly TermCount[]
}

export interface IndexerOptions {
  assignment: Assignment
  replica: Replica
  tell(message: FromAgent): void
  /** Resolves when it may go on with the section that it has begun. */
  mayGoOn(): Promise<void>
}

export class Indexer {
  readonly #options: IndexerOptions
  readonly #acks: DurableAcks
  readonly #rooms: ReadonlyMap<string, FileRoom>
  readonly #notes: AgentNotes
  /** The place of every section in the text. */
  readonly #order: ReadonlyMap<string, number>
  readonly #own: ReadonlySet<string>
  /** The sections whose terms are known here, whoever counted them. */
  readonly #seen = new Map<string, SeenSection>()
  readonly #linked: Set<string>
  readonly #allSeen: Promise<void>
  #resolveAllSeen: () => void = () => undefined
  #writes = 0
  #links = 0

  /** Not to be called directly: `openIndexer` opens what it needs. */
  constructor(options: IndexerOptions, rooms: ReadonlyMap<string, FileRoom>, notes: AgentNotes) {
    const { assignment, replica, tell } = options
    this.#options = options
    this.#rooms = rooms
    this.#notes = notes
    this.#order = new Map(assignment.sectionIds.map((id, place) => [id, place]))
    this.#own = new Set(assignment.share.map(({ id }) => id))
    this.#linked = new Set([...rooms.values()].flatMap(linksOf).map(items.link))
    this.#acks = new DurableAcks(replica, ackLevel(assignment), acked =>
      tell({ kind: 'durable', items: acked }),
    )
    this.#allSeen = new Promise(resolve => {
      this.#resolveAllSeen = resolve
    })
  }

  /** The sections of its share that are done, by its own notes. */
  get done(): string[] {
    return [...this.#notes.keys()]
  }

  /**
   * Does what is left of the share. Resolves when all sections of all agents were seen, and all that
   * was written here is on a second disk at least: the relay's, or without it a peer's.
   *
   * @throws as `Replica.flush` does
   */
  async work(): Promise<void> {
    for (const { terms } of this.#rooms.values()) {
      terms.subscribe(changes => {
        for (const { key, value } of changes) if (value !== undefined) this.#see(key, value)
      })
      for (const [id, counts] of terms) this.#see(id, counts)
    }
    for (const section of this.#options.assignment.share) {
      if (!this.#notes.has(section.id)) await this.#index(section)
    }
    await this.#allSeen
    await this.#acks.settled()
  }

  async #index(section: Section): Promise<void> {
    const { assignment, replica, tell, mayGoOn } = this.#options
    const { id } = section
    const { sections, terms, findings } = this.#room(id)
    const { heading, words } = summarize(section)
    sections.set(id, { heading, words, agent: assignment.name })
    this.#wrote(items.section(id))
    tell({ kind: 'begun', section: id })

    // What stands for the thinking of an agent, in the middle of a piece of work.
    await mayGoOn()
    terms.set(id, countTerms(section.text))
    this.#wrote(items.terms(id))
    const outline = findings.text('outline')
    const line = `${outlineLine({ id, heading, words })}\n`
    if (!outline.toString().includes(line)) {
      outline.insert(outlinePosition(outline.toString(), id, this.#order), line)
      this.#wrote(items.outline(id))
    }
    await replica.flush({ level: 'local' }) // I1
    this.#notes.set(id, { doneAt: systemTime.now() })
    this.#wrote(items.note(id))
    tell({ kind: 'done', section: id })
  }

  #see(id: string, terms: readonly TermCount[]): void {
    if (this.#seen.has(id)) return
    const section = { id, terms }
    for (const other of this.#seen.values()) {
      if (this.#isEarlier(section, other)) this.#link(section, other)
      else this.#link(other, section)
    }
    this.#seen.set(id, section)
    if (this.#seen.size === this.#order.size) this.#resolveAllSeen()
  }

  // I2
  #link(from: SeenSection, to: SeenSection): void {
    if (!this.#own.has(from.id)) return
    const link = linkSections(from, to)
    if (link === undefined || this.#linked.has(items.link(link))) return
    this.#linked.add(items.link(link))
    this.#room(from.id).findings.array('links').push([link])
    this.#links += 1
    this.#wrote(items.link(link))
  }

  #wrote(item: string): void {
    this.#writes += 1
    this.#acks.add(item)
    this.#options.tell({ kind: 'writes', writes: this.#writes, links: this.#links })
  }

  #isEarlier(a: SeenSection, b: SeenSection): boolean {
    return (this.#order.get(a.id) ?? 0) < (this.#order.get(b.id) ?? 0)
  }

  #room(section: string): FileRoom {
    return this.#rooms.get(section.slice(0, section.lastIndexOf('#'))) as FileRoom
  }
}

function ackLevel({ peers }: Assignment): FlushOptions {
  return peers === undefined ? { level: 'durable' } : { level: 'replicated', n: 2 }
}

/** Opens the rooms and the notes that an agent works with. @throws as `Replica.open` does */
export async function openIndexer(options: IndexerOptions): Promise<Indexer> {
  const { assignment, replica } = options
  const rooms = await Promise.all(
    assignment.files.map(async file => [file, await openRoom(replica, file)] as const),
  )
  return new Indexer(options, new Map(rooms), await openNotes(replica, assignment.name))
}
