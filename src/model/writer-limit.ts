/**
 * How many clients may ever have written in one document. Yjs keeps every one of them for ever, and
 * each costs every later transaction: 0.07 ms a transaction with 1,000 writers, 0.4 ms with 4,000,
 * 2 ms with 10,000. So the number is bounded, and who is over the bound is told.
 */
import { StatemeshError } from '../base/error.ts'
import type { StateVector } from './update-check.ts'
import type { UpdateStructure } from './update-structure.ts'

/** With so many writers a transaction still takes less than half a millisecond. */
export const documentWritersMax = 4096

/** What is known of a document: a state vector, or the store of a `Y.Doc` behind these two. */
export type KnownWriters = Pick<StateVector, 'get' | 'size'>

/**
 * Refuses an update that brings writers for whom there is no room. Those who have written before
 * always go on.
 *
 * @throws WRITERS_EXCEEDED
 */
export function checkUpdateWriters(
  update: Pick<UpdateStructure, 'structs'>,
  known: KnownWriters,
  writersMax: number = documentWritersMax,
): void {
  // More clients in an update than there is room for are rare, so the common case only counts.
  if (known.size + update.structs.size <= writersMax) return
  let added = 0
  for (const client of update.structs.keys()) if (isNew(client, known)) added += 1
  if (added > 0 && known.size + added > writersMax) throw exceeded(writersMax)
}

/**
 * Refuses a client that would be one writer too many if it wrote now.
 *
 * @throws WRITERS_EXCEEDED
 */
export function checkWriter(
  client: number,
  known: KnownWriters,
  writersMax: number = documentWritersMax,
): void {
  if (known.size >= writersMax && isNew(client, known)) throw exceeded(writersMax)
}

function isNew(client: number, known: KnownWriters): boolean {
  return (known.get(client) ?? 0) === 0
}

function exceeded(writersMax: number): StatemeshError {
  const why = `${writersMax} clients have written in the document: it has to be started afresh`
  return new StatemeshError('WRITERS_EXCEEDED', why)
}
