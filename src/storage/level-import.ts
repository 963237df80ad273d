/** Puts whole documents into a database in one batch: all of them, or, on any failure, none. */
import { StatemeshError } from '../base/error.ts'
import { parseDocumentName } from '../model/document-name.ts'
import { checkWholeUpdate } from '../model/whole-update.ts'
import type { ByteDatabase, Operation } from './byte-database.ts'
import {
  documentRange,
  recordKey,
  stateVectorKey,
  updateKey,
  updateKeyPrefix,
} from './level-keys.ts'
import { putStateVector, putUpdate, stateVectorOf } from './level-storage.ts'
import { openDatabase } from './open-database.ts'

export interface ImportOptions {
  /** The directory of the database, made if it is not there. */
  location: string
  /** Updates, each a whole document, by name. */
  documents: ReadonlyMap<string, Uint8Array>
}

/** In a replica's store, what the relay is not known to have; see the outbox. */
const unsyncedPrefix = 'unsynced/'
/** And the relay whose acks took the others out of it. */
const relayRecord = 'relay'

/**
 * Imports documents durably. A replica sends them to its relay when it is opened the next time.
 *
 * @throws DOCUMENT_NAME_INVALID, UPDATE_INVALID; DATA_EXISTS when one of them is there already,
 * STORAGE_LOCKED, STORAGE_CORRUPT, STORAGE_UNAVAILABLE; nothing was written
 */
export async function importDocuments({ location, documents }: ImportOptions): Promise<void> {
  for (const [document, update] of documents) {
    parseDocumentName(document)
    checkWholeUpdate(update)
  }
  const database = await openDatabase({ location })
  try {
    for (const document of documents.keys()) await checkAbsent(database, document)
    const owes = (await database.get(recordKey(relayRecord))) !== undefined
    await database.write(
      [...documents].flatMap(([document, update]) => operationsOf(document, update, owes)),
    )
  } finally {
    await database.close()
  }
}

async function checkAbsent(database: ByteDatabase, document: string): Promise<void> {
  const listed = await database.get(stateVectorKey(document))
  if (listed === undefined && !(await database.firstKey(documentRange(document)))) return
  throw new StatemeshError('DATA_EXISTS', `${document} is there already`)
}

function operationsOf(document: string, update: Uint8Array, owes: boolean): Operation[] {
  const operations = [
    putUpdate(updateKey(updateKeyPrefix(document), 0), update),
    putStateVector(document, 0, stateVectorOf(update)),
  ]
  if (!owes) return operations
  const key = recordKey(`${unsyncedPrefix}${document}`)
  return [...operations, { type: 'put', key, value: new Uint8Array(0) }]
}
