/**
 * Looks at a LevelDB directory before it is opened. LevelDB takes one whose file `CURRENT` is missing
 * for a new one, and deletes the data that is still there.
 */
import { readdir } from 'node:fs/promises'
import { StatemeshError } from '../../src/base/error.ts'

/** @throws STORAGE_CORRUPT where there are data files, and nothing that says how they belong together */
export async function checkDataDirectory(location: string): Promise<void> {
  // Where it cannot be read, opening it says what is wrong.
  const names: string[] = await readdir(location).catch(() => [])
  if (names.includes('CURRENT')) return
  const data = names.filter(name => /^MANIFEST-|\.(ldb|sst)$/.test(name))
  if (data.length === 0) return
  const message = `${location} has ${data.join(', ')}, but the file CURRENT is missing`
  throw new StatemeshError('STORAGE_CORRUPT', message)
}
