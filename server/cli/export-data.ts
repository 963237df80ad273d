/** `statemesh export`: documents of a data directory, in a form for elsewhere. Overwrites nothing. */
import { link, open, rename, rm } from 'node:fs/promises'
import { StatemeshError } from '../../src/base/error.ts'
import { exportJson } from '../../src/observe/debugger/json-export.ts'
import type { StateDebugger } from '../../src/observe/debugger/state-debugger.ts'
import { importDocuments } from '../../src/storage/level-import.ts'
import { countText } from './count-text.ts'
import { withSource } from './data-source.ts'
import type { Outcome } from './outcome.ts'

export interface ExportFlags {
  format: 'json' | 'update' | 'leveldb'
  document?: string[]
  output?: string
  valuesOnly?: true
}

/** @throws OPTION_INVALID, DOCUMENT_UNKNOWN, DATA_EXISTS, STORAGE_CORRUPT, STORAGE_UNAVAILABLE */
export async function exportData(directory: string, flags: ExportFlags): Promise<Outcome> {
  const { format, output, valuesOnly = false } = flags
  if (format !== 'json' && output === undefined) {
    throw new StatemeshError('OPTION_INVALID', `--format ${format} needs --output <path>`)
  }
  if (format === 'update' && flags.document?.length !== 1) {
    throw new StatemeshError('OPTION_INVALID', 'an update is one document: say --document <name>')
  }
  return withSource(directory, flags.document?.[0], async source => {
    const documents = flags.document ?? (await source.documents())
    if (format === 'json') {
      const exported = await exportJson(source, { documents, valuesOnly })
      const text = JSON.stringify(exported, null, 2)
      if (output === undefined) return { text, exitCode: 0 }
      await writeNew(output, `${text}\n`)
    } else if (format === 'update') {
      await writeNew(output as string, await source.update(documents[0] as string))
    } else await writeDirectory(output as string, source, documents)
    return { text: `${countText(documents.length, 'document')} to ${output}`, exitCode: 0 }
  })
}

/** Whole, or not at all, and never over something else. */
async function writeNew(path: string, content: string | Uint8Array): Promise<void> {
  const partial = `${path}.partial-${process.pid}`
  await whileWriting(path, async () => {
    const file = await open(partial, 'wx')
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(partial, path)
  }).finally(() => rm(partial, { force: true }))
}

async function writeDirectory(
  path: string,
  source: StateDebugger,
  documents: readonly string[],
): Promise<void> {
  const updates = new Map<string, Uint8Array>()
  for (const document of documents) updates.set(document, await source.update(document))
  const partial = `${path}.partial-${process.pid}`
  await whileWriting(path, async () => {
    await importDocuments({ location: partial, documents: updates })
    await rename(partial, path) // fails over a directory that is not empty
  }).finally(() => rm(partial, { recursive: true, force: true }))
}

async function whileWriting(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (thrown) {
    if (thrown instanceof StatemeshError) throw thrown
    const { code } = thrown as NodeJS.ErrnoException
    if (code === 'EEXIST' || code === 'ENOTEMPTY' || code === 'ENOTDIR') {
      throw new StatemeshError('DATA_EXISTS', `${path} is there already`, { cause: thrown })
    }
    const why = `${path} cannot be written: ${(thrown as Error).message}`
    throw new StatemeshError('STORAGE_UNAVAILABLE', why, { cause: thrown })
  }
}
