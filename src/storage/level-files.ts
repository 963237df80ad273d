/**
 * Looks at a LevelDB directory before it is opened. LevelDB takes one whose file `CURRENT` is missing
 * for a new one, and deletes the data that is still there.
 */

import { StatemeshError } from '../base/error.ts'
import { builtinModule } from '../base/platform.ts'

interface Files {
  readdir(path: string): Promise<string[]>
}

/** Whose making was cut short has the first manifest, and nothing in it. */
const dataFile = /^MANIFEST-(?!000001$)|\.(ldb|sst|log)$/

/** @throws STORAGE_CORRUPT where there are data files, and nothing that says how they belong together */
export async function checkLevelFiles(location: string): Promise<void> {
  const files = builtinModule<Files>('fs/promises')
  // Where it cannot be read, opening it says what is wrong.
  const names = (await files?.readdir(location).catch(() => [])) ?? []
  if (names.includes('CURRENT')) return
  const data = names.filter(name => dataFile.test(name))
  if (data.length === 0) return
  const message = `${location} has ${data.join(', ')}, but the file CURRENT is missing`
  throw new StatemeshError('STORAGE_CORRUPT', message)
}
