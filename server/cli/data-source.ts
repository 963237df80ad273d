/** What the data commands read: the directory of a database, or a file that was exported. */
import { readFile, stat } from 'node:fs/promises'
import { StatemeshError } from '../../src/base/error.ts'
import { systemRandom } from '../../src/base/random.ts'
import { parseDocumentName } from '../../src/model/document-name.ts'
import { checkWholeUpdate } from '../../src/model/whole-update.ts'
import { readJsonExport } from '../../src/observe/debugger/json-export.ts'
import { StateDebugger } from '../../src/observe/debugger/state-debugger.ts'
import { openLevelStorage } from '../../src/storage/level-storage.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { privateCopy } from './private-copy.ts'

/**
 * Opens a directory's private copy, or a file, for `use`.
 *
 * @param document the name of an update in a file, which has none itself
 * @throws OPTION_INVALID for what is neither, STORAGE_CORRUPT, STORAGE_UNAVAILABLE
 */
export async function withSource<Result>(
  path: string,
  document: string | undefined,
  use: (source: StateDebugger, storage?: Storage) => Promise<Result>,
): Promise<Result> {
  if (!(await isDirectory(path))) {
    return use(new StateDebugger(inMemory(await readDocuments(path, document))))
  }
  const copy = await privateCopy(path)
  try {
    const storage = await openLevelStorage({ location: copy.path })
    try {
      return await use(new StateDebugger(storage), storage)
    } finally {
      await storage.close()
    }
  } finally {
    await copy.remove()
  }
}

/** Whole documents by name, of a directory, an export, or an update. @throws as `withSource` */
export async function documentsOf(
  path: string,
  document: string | undefined,
): Promise<Map<string, Uint8Array>> {
  if (!(await isDirectory(path))) return readDocuments(path, document)
  return withSource(path, undefined, async source => {
    const updates = new Map<string, Uint8Array>()
    for (const name of await source.documents()) {
      if (document !== undefined && name !== document) continue
      updates.set(name, checkWholeUpdate(await source.update(name)))
    }
    return updates
  })
}

async function readDocuments(
  path: string,
  document: string | undefined,
): Promise<Map<string, Uint8Array>> {
  const bytes = await readBytes(path)
  if (bytes[0] === '{'.charCodeAt(0)) {
    const documents = readJsonExport(parseJson(bytes, path), systemRandom)
    if (document === undefined) return documents
    return new Map([...documents].filter(([name]) => name === document))
  }
  if (document === undefined) {
    const why = `${path} is an update: name the document that it is of`
    throw new StatemeshError('OPTION_INVALID', why)
  }
  return new Map([[parseDocumentName(document), checkWholeUpdate(new Uint8Array(bytes))]])
}

function inMemory(documents: ReadonlyMap<string, Uint8Array>) {
  return {
    documents: async () => [...documents.keys()],
    load: async (name: string) => {
      const update = documents.get(name)
      return { updates: update ? [{ clock: 0, update }] : [], damaged: [] }
    },
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (cause) {
    throw new StatemeshError('OPTION_INVALID', `${path} cannot be read`, { cause })
  }
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new StatemeshError('OPTION_INVALID', `${path} cannot be read`, { cause })
  }
}

function parseJson(bytes: Buffer, path: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new StatemeshError('OPTION_INVALID', `${path} is no JSON`, { cause })
  }
}
