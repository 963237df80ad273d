/** What a document says, as plain data that can be compared, printed and written back. */
import type * as Y from 'yjs'
import { StatemeshError } from '../../base/error.ts'
import { type HybridTimestamp, timestampMilliseconds } from '../../clock/hybrid-clock.ts'
import { definePartition, type Sibling } from '../../model/partition-definition.ts'
import { BudgetPartition } from '../../partition/budget/budget-partition.ts'
import { CounterPartition } from '../../partition/counter-partition.ts'
import { LogPartition } from '../../partition/log/log-partition.ts'
import { registersRoot } from '../../partition/register/register-entry.ts'
import { RegisterPartition } from '../../partition/register/register-partition.ts'
import { type Json, stateJson } from '../../state/state-text.ts'
import { bareHost } from './bare-host.ts'
import { kindOf } from './document-kind.ts'
import { type NativeState, readNative } from './native-state.ts'

/** An entry of a register or a log. Values are JSON, with `$` for what JSON lacks. */
export interface EntryState {
  /** Absent for a deletion. */
  readonly value?: Json
  readonly by: string
  /** The time of its stamp, in milliseconds since the epoch. */
  readonly at: number
  readonly stamp: number
  readonly writer: number
}

/** A key: the entry that wins by order, and those that it stands beside. */
export interface RegisterState extends EntryState {
  readonly siblings?: readonly EntryState[]
}

export interface LogEntryState extends EntryState {
  readonly seq: number
}

export interface BudgetState {
  readonly balance: number
  readonly minted: { readonly [actor: string]: number }
  readonly spent: { readonly [actor: string]: number }
}

export type DocumentState =
  | { readonly kind: 'empty' }
  | { readonly kind: 'registers'; readonly keys: { readonly [key: string]: RegisterState } }
  /** null for a sum that is out of range. */
  | { readonly kind: 'counter'; readonly keys: { readonly [key: string]: number | null } }
  | { readonly kind: 'budget'; readonly keys: { readonly [key: string]: BudgetState } }
  | { readonly kind: 'log'; readonly entries: readonly LogEntryState[] }
  | { readonly kind: 'crdt'; readonly roots: { readonly [root: string]: NativeState } }

/** What is in a document but not in what it says, and why. */
export interface DocumentProblem {
  readonly code: string
  readonly message: string
}

export interface ReadDocument {
  readonly state: DocumentState
  readonly problems: readonly DocumentProblem[]
}

/** Reads a document, which must be ours alone: reading may give its roots their kinds. */
export function readDocument(doc: Y.Doc): ReadDocument {
  const kind = kindOf(doc)
  switch (kind) {
    case 'registers':
      return readRegisters(doc)
    case 'counter':
      return readCounters(doc)
    case 'budget':
      return readBudgets(doc)
    case 'log':
      return readLog(doc)
    case 'crdt':
      return { state: { kind, roots: readNative(doc) }, problems: [] }
    case 'empty':
      return { state: { kind }, problems: [] }
  }
}

/** How many keys, entries or roots there are, and how many keys are in conflict. */
export function sizeOf(state: DocumentState): { items: number; conflicts: number } {
  switch (state.kind) {
    case 'registers': {
      const keys = Object.values(state.keys)
      const live = keys.filter(({ value, siblings = [] }) => {
        return value !== undefined || siblings.some(sibling => sibling.value !== undefined)
      })
      return { items: live.length, conflicts: keys.filter(({ siblings }) => siblings).length }
    }
    case 'counter':
    case 'budget':
      return { items: Object.keys(state.keys).length, conflicts: 0 }
    case 'log':
      return { items: state.entries.length, conflicts: 0 }
    case 'crdt':
      return { items: Object.keys(state.roots).length, conflicts: 0 }
    case 'empty':
      return { items: 0, conflicts: 0 }
  }
}

/** The newest stamp, in milliseconds since the epoch; undefined where nothing is stamped. */
export function lastWriteOf(state: DocumentState): number | undefined {
  const times =
    state.kind === 'log'
      ? state.entries.map(({ at }) => at)
      : state.kind === 'registers'
        ? Object.values(state.keys).flatMap(({ at, siblings = [] }) => {
            return [at, ...siblings.map(sibling => sibling.at)]
          })
        : []
  return times.length === 0 ? undefined : times.reduce((last, at) => Math.max(last, at), 0)
}

/** Of any name: documents are told by their roots. */
const anyRegisters = definePartition<unknown, 'last-write-wins'>({
  name: 'any',
  policy: 'last-write-wins',
})
const anyLog = definePartition<unknown, 'log'>({ name: 'any', policy: 'log' })

/** The registers of a document, to be read and then closed. */
export function openRegisters(doc: Y.Doc): RegisterPartition<unknown> {
  return new RegisterPartition(anyRegisters as never, bareHost(doc))
}

/** The log of a document, to be read and then closed. */
export function openLog(doc: Y.Doc): LogPartition<unknown> {
  return new LogPartition(anyLog as never, bareHost(doc))
}

/** The rows of every key, deleted ones too, in the order of the keys. */
function readRegisters(doc: Y.Doc): ReadDocument {
  const registers = openRegisters(doc)
  try {
    const keys = [...new Set(rowKeys(doc))].sort()
    const entries = keys.flatMap(key => {
      const [winner, ...others] = registers.siblings(key).map(entryState)
      if (winner === undefined) return []
      return [[key, others.length === 0 ? winner : { ...winner, siblings: others }] as const]
    })
    return {
      state: { kind: 'registers', keys: Object.fromEntries(entries) },
      problems: registers.problems().map(problemOf),
    }
  } finally {
    registers.close()
  }
}

function rowKeys(doc: Y.Doc): string[] {
  return [...doc.getMap(registersRoot).keys()].map(row => row.slice(0, row.indexOf('\0')))
}

function readLog(doc: Y.Doc): ReadDocument {
  const log = openLog(doc)
  try {
    const entries = [...log.entries()].map(({ value, actor, timestamp, writer, seq }) => {
      return { ...entryState({ value, actor, timestamp, writer, deleted: false }), seq }
    })
    return { state: { kind: 'log', entries }, problems: log.verify().problems.map(problemOf) }
  } finally {
    log.close()
  }
}

function readCounters(doc: Y.Doc): ReadDocument {
  const counters = new CounterPartition(bareHost(doc))
  try {
    const keys = [...counters.keys()].sort()
    const values = keys.map(key => [key, inRange(() => counters.value(key))] as const)
    return {
      state: { kind: 'counter', keys: Object.fromEntries(values) },
      problems: counters.problems().map(problemOf),
    }
  } finally {
    counters.close()
  }
}

function inRange(read: () => number): number | null {
  try {
    return read()
  } catch (thrown) {
    if (thrown instanceof StatemeshError && thrown.code === 'VALUE_INVALID') return null
    throw thrown
  }
}

function readBudgets(doc: Y.Doc): ReadDocument {
  const budgets = new BudgetPartition({}, bareHost(doc))
  try {
    const keys = [...budgets.keys()].sort()
    const states = keys.map(key => {
      const { minted, spent } = budgets.ledger(key)
      const parts = { minted: sorted(minted), spent: sorted(spent) }
      return [key, { balance: budgets.balance(key), ...parts }] as const
    })
    return {
      state: { kind: 'budget', keys: Object.fromEntries(states) },
      problems: budgets.problems().map(problemOf),
    }
  } finally {
    budgets.close()
  }
}

function sorted(amounts: ReadonlyMap<string, number>): { [actor: string]: number } {
  return Object.fromEntries([...amounts].sort(([a], [b]) => (a < b ? -1 : 1)))
}

export function entryState(entry: Omit<Sibling, 'actor'> & { readonly actor: string }): EntryState {
  const { value, deleted, actor, timestamp, writer } = entry
  return {
    ...(!deleted && { value: stateJson(value) }),
    by: actor,
    at: timestampMilliseconds(timestamp as HybridTimestamp),
    stamp: timestamp,
    writer,
  }
}

function problemOf({ error }: { readonly error: StatemeshError }): DocumentProblem {
  return { code: error.code, message: error.message }
}
