/**
 * A new document that says what a state says: the same values, actors and times, under fresh writers.
 * It is another document than the one that the state was read from: the two must never be merged,
 * and places in a log are counted anew.
 */
import * as Y from 'yjs'
import { StatemeshError } from '../../base/error.ts'
import type { RandomSource } from '../../base/random.ts'
import { parseTimestamp } from '../../clock/hybrid-clock.ts'
import { parseActorId } from '../../model/id.ts'
import { definePartition } from '../../model/partition-definition.ts'
import { encodeValue } from '../../model/value.ts'
import { CounterPartition } from '../../partition/counter-partition.ts'
import { LogPartition } from '../../partition/log/log-partition.ts'
import {
  checkKey,
  entryOf,
  registersRoot,
  rowName,
} from '../../partition/register/register-entry.ts'
import { readStateJson } from '../../state/state-text.ts'
import { bareHost } from './bare-host.ts'
import type { DocumentState, EntryState, LogEntryState, RegisterState } from './document-state.ts'
import { writeNative } from './native-state.ts'

type KeysOf<Kind> =
  Extract<DocumentState, { kind: Kind }> extends { keys: infer Keys } ? Keys : never

/**
 * The update of a document that says what `state` does.
 *
 * @throws VALUE_INVALID for a budget, whose rights belong to their writers, and for XML; and, with
 * KEY_INVALID and ID_INVALID, for a state that is malformed
 */
export function writeState(state: DocumentState, random: RandomSource): Uint8Array {
  switch (state.kind) {
    case 'registers':
      return writeRegisters(state.keys, random)
    case 'log':
      return writeLog(state.entries, random)
    case 'counter':
      return writeCounters(state.keys, random)
    case 'crdt': {
      const doc = freshDoc(random)
      writeNative(doc, state.roots)
      return Y.encodeStateAsUpdate(doc)
    }
    case 'empty':
      return Y.encodeStateAsUpdate(freshDoc(random))
    default: {
      const why = 'a budget cannot be written from values, since its rights belong to writers'
      throw new StatemeshError('VALUE_INVALID', `${why}; import an update instead`)
    }
  }
}

function freshDoc(random: RandomSource): Y.Doc {
  const doc = new Y.Doc()
  doc.clientID = random.uint32()
  return doc
}

/** Siblings come from writers who did not see each other: the first of each key from one, and so on. */
function writeRegisters(keys: KeysOf<'registers'>, random: RandomSource): Uint8Array {
  const rows = Object.entries(keys).map(([key, register]) => {
    checkKey(key)
    return [key, [register, ...(register.siblings ?? [])]] as const
  })
  const ranks = rows.reduce((most, [, entries]) => Math.max(most, entries.length), 0)
  const updates = Array.from({ length: ranks }, (_, rank) => {
    const doc = freshDoc(random)
    const map = doc.getMap(registersRoot)
    doc.transact(() => {
      for (const [key, entries] of rows) {
        const entry = entries[rank]
        if (entry !== undefined) map.set(rowName(key, doc.clientID), storedEntry(entry))
      }
    })
    return Y.encodeStateAsUpdate(doc)
  })
  return Y.mergeUpdates(updates.length > 0 ? updates : [Y.encodeStateAsUpdate(new Y.Doc())])
}

function storedEntry(entry: RegisterState | EntryState): Record<string, unknown> {
  const { value } = entry
  const encoded = value === undefined ? undefined : encodeValue(readStateJson(value))
  return entryOf(encoded, stampOf(entry), parseActorId(entry.by))
}

function stampOf({ stamp }: EntryState) {
  const timestamp = parseTimestamp(stamp)
  if (timestamp !== undefined) return timestamp
  throw new StatemeshError('VALUE_INVALID', 'an entry needs its stamp')
}

/** One lane, in the order of the log, with the stamps of the entries. */
function writeLog(entries: readonly LogEntryState[], random: RandomSource): Uint8Array {
  const doc = freshDoc(random)
  const definition = definePartition<unknown, 'log'>({ name: 'any', policy: 'log' })
  const host = bareHost(doc)
  let stamp = stampOf({ stamp: 0 } as EntryState)
  const clock = Object.assign(Object.create(host.clock), { next: () => stamp, observe: () => true })
  const logs = new Map<string, LogPartition<unknown>>()
  for (const entry of entries) {
    const { by, value } = entry
    let log = logs.get(by)
    if (log === undefined) {
      log = new LogPartition(definition as never, { ...host, clock, actor: parseActorId(by) })
      logs.set(by, log)
    }
    stamp = stampOf(entry)
    log.append(value === undefined ? null : readStateJson(value))
  }
  for (const log of logs.values()) log.close()
  return Y.encodeStateAsUpdate(doc)
}

function writeCounters(keys: KeysOf<'counter'>, random: RandomSource): Uint8Array {
  const doc = freshDoc(random)
  const counters = new CounterPartition(bareHost(doc))
  counters.transact(() => {
    for (const [key, value] of Object.entries(keys)) {
      if (typeof value !== 'number') throw new StatemeshError('VALUE_INVALID', `${key} is no sum`)
      if (value < 0) counters.decrement(key, -value)
      else counters.increment(key, value)
    }
  })
  counters.close()
  return Y.encodeStateAsUpdate(doc)
}
