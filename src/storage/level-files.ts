/**
 * Looks after a LevelDB directory before it is opened. LevelDB takes one whose file `CURRENT` is missing
 * for a new one, and deletes the data that is still there.
 */
import { StatemeshError } from '../base/error.ts'
import { builtinModule } from '../base/platform.ts'

interface Files {
  readdir(path: string): Promise<string[]>
  mkdir(path: string): Promise<unknown>
}

interface Paths {
  dirname(path: string): string
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

/**
 * Makes a directory and those above it, where they are missing. Each by itself: when Node is to make all
 * of them it never ends under `/proc`, which says of what it refuses that something above is missing.
 *
 * @throws what the system says
 */
export async function makeDirectory(location: string): Promise<void> {
  const files = builtinModule<Files>('fs/promises')
  const paths = builtinModule<Paths>('path')
  if (files === undefined || paths === undefined) return
  const above = paths.dirname(location)
  const make = () => files.mkdir(location).catch(unlessThere)
  try {
    await make()
  } catch (thrown) {
    if (!isSystemError(thrown, 'ENOENT') || above === location) throw thrown
    await makeDirectory(above)
    await make()
  }
}

function unlessThere(thrown: unknown): void {
  if (!isSystemError(thrown, 'EEXIST')) throw thrown
}

function isSystemError(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && (thrown as { code?: unknown }).code === code
}
