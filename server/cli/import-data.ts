/** `statemesh import`: whole documents into a data directory, all of them or none. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { StatemeshError } from '../../src/base/error.ts'
import { kindOf } from '../../src/observe/debugger/document-kind.ts'
import { docOf } from '../../src/observe/debugger/rewind.ts'
import { importDocuments } from '../../src/storage/level-import.ts'
import { documentsOf, withSource } from './data-source.ts'
import type { Outcome } from './outcome.ts'
import { tableText } from './table.ts'

export interface ImportFlags {
  document?: string
  write?: true
  json?: true
}

/**
 * @throws DATA_EXISTS where one of the documents is there already, STORAGE_LOCKED while a process has
 * the directory open, OPTION_INVALID, UPDATE_INVALID, VALUE_INVALID, STORAGE_UNAVAILABLE; nothing
 * was written
 */
export async function importData(
  location: string,
  source: string,
  flags: ImportFlags,
): Promise<Outcome> {
  const documents = await documentsOf(source, flags.document)
  if (documents.size === 0) {
    throw new StatemeshError('DOCUMENT_UNKNOWN', `${source} has no such document`)
  }
  if (flags.write) await importDocuments({ location, documents })
  else await checkAbsent(location, documents)
  const listed = [...documents].map(([document, update]) => {
    return { document, kind: kindOf(docOf([update])), bytes: update.length }
  })
  const written = flags.write === true
  if (flags.json) {
    return { text: JSON.stringify({ written, documents: listed }, null, 2), exitCode: 0 }
  }
  const rows = listed.map(({ document, kind, bytes }) => [document, kind, bytes])
  const table = tableText(['document', 'kind', 'bytes'], rows)
  const said = written ? 'written' : 'nothing was written; with --write these are'
  return { text: `${table}\n${said}`, exitCode: 0 }
}

async function checkAbsent(
  location: string,
  documents: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  if (!(await isDatabase(location))) return
  await withSource(location, undefined, async target => {
    for (const name of await target.documents()) {
      if (!documents.has(name)) continue
      throw new StatemeshError('DATA_EXISTS', `${name} is there already`)
    }
  })
}

async function isDatabase(location: string): Promise<boolean> {
  try {
    await access(join(location, 'CURRENT'))
    return true
  } catch {
    return false // made by the import
  }
}
