/**
 * A document as it was. There are three sources, and what is told is the best of them: the audit trail
 * beside the document, exact for registers; the stored updates, as long as they have not been
 * compacted; and the stamps of the entries that are left.
 */
import * as Y from 'yjs'
import { StatemeshError } from '../../base/error.ts'
import { AuditIndex } from '../../history/audit/audit-index.ts'
import { readRecord } from '../../history/audit/audit-record.ts'
import { entriesAt, pastOf } from '../../history/versions/change-graph.ts'
import { timestampFrom } from '../../history/versions/past-reader.ts'
import { kindOf } from './document-kind.ts'
import {
  type DocumentProblem,
  type DocumentState,
  entryState,
  openLog,
  openRegisters,
  type ReadDocument,
  type RegisterState,
  readDocument,
} from './document-state.ts'
import { stampsOf } from './update-stamps.ts'

/** A time in milliseconds since the epoch, or how many of the stored updates to take. */
export type RewindMoment = { readonly time: number } | { readonly updates: number }

export interface Rewound extends ReadDocument {
  /** What it was told from. `updates` and `trail` are exact, but for the keys in `unknown`. */
  readonly basis: 'trail' | 'updates' | 'entries'
  /** Keys that had a value then which is not kept any more; they read as absent. */
  readonly unknown: readonly string[]
  /** How many of the stored updates went into it, and how many there are. */
  readonly updates: { readonly taken: number; readonly stored: number }
}

export interface RewindSource {
  /** The stored updates, in the order in which they came. */
  readonly updates: readonly Uint8Array[]
  /** The logs of the document's audit trail, each with all its updates. */
  readonly trail: readonly (readonly Uint8Array[])[]
  readonly document: string
}

/**
 * A document as it was.
 *
 * @throws OPTION_INVALID for a time, where the document's kind has no stamps: counters, budgets and
 * native types can be rewound by stored updates only
 */
export function rewind(source: RewindSource, moment: RewindMoment): Rewound {
  const { updates } = source
  if ('updates' in moment) return rewindUpdates(updates, moment.updates)
  const present = docOf(updates)
  const kind = kindOf(present)
  if (kind !== 'registers' && kind !== 'log') {
    if (kind === 'empty') return { ...told(present, 'entries'), updates: countOf(updates, 0) }
    const why = `a ${kind} document has no times; rewind it by stored updates`
    throw new StatemeshError('OPTION_INVALID', why)
  }
  const stampMax = timestampFrom(moment.time + 1) - 1
  if (kind === 'registers' && source.trail.length > 0) {
    return { ...fromTrail(source, present, stampMax), updates: countOf(updates, updates.length) }
  }
  return fromUpdates(updates, stampMax)
}

/** A document of stored updates, with what they delete. */
export function docOf(updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc({ gc: false })
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update)
  })
  return doc
}

function rewindUpdates(updates: readonly Uint8Array[], count: number): Rewound {
  const taken = Math.max(0, Math.min(updates.length, count))
  const doc = docOf(updates.slice(0, taken))
  return { ...told(doc, 'updates'), updates: countOf(updates, taken) }
}

/** The updates that were made by then; of those that hold both, the entries that were. */
function fromUpdates(updates: readonly Uint8Array[], stampMax: number): Rewound {
  const taken: Uint8Array[] = []
  let mixed = false
  let isBefore = true
  for (const update of updates) {
    const stamps = stampsOf(update)
    // What has no stamp came after the one before it.
    if (stamps !== undefined) isBefore = stamps.first <= stampMax
    if (!isBefore) continue
    taken.push(update)
    mixed ||= stamps !== undefined && stamps.last > stampMax
  }
  const doc = docOf(taken)
  const read = told(doc, mixed ? 'entries' : 'updates')
  const until = mixed ? withoutLater(read.state, stampMax) : { state: read.state, unknown: [] }
  const problems = [...read.problems, ...pendingProblems(doc)]
  return { ...read, ...until, problems, updates: countOf(updates, taken.length) }
}

function withoutLater(
  state: DocumentState,
  stampMax: number,
): { state: DocumentState; unknown: readonly string[] } {
  if (state.kind === 'log') {
    const entries = state.entries.filter(({ stamp }) => stamp <= stampMax)
    return { state: { kind: 'log', entries }, unknown: [] }
  }
  if (state.kind !== 'registers') return { state, unknown: [] }
  const unknown: string[] = []
  const keys = Object.entries(state.keys).flatMap(([key, register]) => {
    const kept = entriesOf(register).filter(({ stamp }) => stamp <= stampMax)
    // It may have replaced something, or have been the first.
    if (kept.length < entriesOf(register).length) unknown.push(key)
    return kept.length === 0 ? [] : [[key, registerOf(kept)] as const]
  })
  return { state: { kind: 'registers', keys: Object.fromEntries(keys) }, unknown }
}

function entriesOf({ siblings = [], ...winner }: RegisterState): Omit<RegisterState, 'siblings'>[] {
  return [winner, ...siblings]
}

function registerOf([winner, ...siblings]: readonly RegisterState[]): RegisterState {
  return siblings.length === 0
    ? (winner as RegisterState)
    : { ...(winner as RegisterState), siblings }
}

/** What the records of changes say, whatever has become of the entries. */
function fromTrail(
  { trail, document }: RewindSource,
  present: Y.Doc,
  stampMax: number,
): Omit<Rewound, 'updates'> {
  const index = new AuditIndex()
  const problems: DocumentProblem[] = []
  for (const updates of trail) {
    for (const problem of addRecords(index, document, updates)) problems.push(problem)
  }
  const registers = openRegisters(present)
  try {
    const unknown: string[] = []
    const current = readDocument(present).state
    const names = current.kind === 'registers' ? Object.keys(current.keys) : []
    const keys = [...new Set([...names, ...index.keys()])].sort().flatMap(key => {
      const siblings = registers.siblings(key)
      const standing = entriesAt(pastOf(key, index, siblings), stampMax)
      const isRecorded = siblings.every(sibling => index.has(key, sibling))
      if (!standing.every(({ kept }) => kept) || (standing.length === 0 && !isRecorded)) {
        unknown.push(key)
      }
      const known = standing.filter(({ kept }) => kept).map(entryState)
      return known.length === 0 ? [] : [[key, registerOf(known)] as const]
    })
    const state: DocumentState = { kind: 'registers', keys: Object.fromEntries(keys) }
    return { state, problems, basis: 'trail', unknown }
  } finally {
    registers.close()
  }
}

/** Takes the records of one log in. @returns what is no record */
function addRecords(
  index: AuditIndex,
  document: string,
  updates: readonly Uint8Array[],
): DocumentProblem[] {
  const problems: DocumentProblem[] = []
  const log = openLog(docOf(updates))
  try {
    for (const entry of log.entries()) {
      try {
        index.add(readRecord(document, entry))
      } catch (thrown) {
        if (!(thrown instanceof StatemeshError)) throw thrown
        problems.push({ code: thrown.code, message: thrown.message })
      }
    }
  } finally {
    log.close()
  }
  return problems
}

function told(doc: Y.Doc, basis: Rewound['basis']): Omit<Rewound, 'updates'> {
  return { ...readDocument(doc), basis, unknown: [] }
}

/** A clock that ran far ahead may have stamped what others built on with earlier stamps. */
function pendingProblems({ store }: Y.Doc): DocumentProblem[] {
  if (store.pendingStructs === null && store.pendingDs === null) return []
  const message = 'some entries of then build on entries with later stamps, and are left out'
  return [{ code: 'UPDATE_GAP', message }]
}

function countOf(updates: readonly Uint8Array[], taken: number): Rewound['updates'] {
  return { taken, stored: updates.length }
}
