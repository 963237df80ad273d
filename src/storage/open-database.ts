/** Opens the database of the platform. */
import { runsInNode } from '../base/platform.ts'
import { systemTime, type TimeSource } from '../base/time.ts'
import type { ByteDatabase } from './byte-database.ts'
import type { ByteLevel } from './byte-level.ts'
import { IndexedDatabase } from './indexed-database.ts'

export interface DatabaseOptions {
  /** The directory of the database, made if it is not there; in a browser an IndexedDB name. */
  location: string
  /** Makes the LevelDB, which must be of bytes ('view' encodings); for tests that let it fail. */
  createDatabase?: (location: string) => ByteLevel
  /** Default: the system's. */
  time?: TimeSource
}

/** @throws STORAGE_LOCKED, STORAGE_CORRUPT, STORAGE_UNAVAILABLE */
export async function openDatabase(options: DatabaseOptions): Promise<ByteDatabase> {
  const { location, createDatabase, time = systemTime } = options
  if (!runsInNode()) return IndexedDatabase.open(location, time)
  // On demand: bundles for browsers must not load it.
  const { LevelDatabase } = await import('./level-database.ts')
  return LevelDatabase.open(location, createDatabase)
}
