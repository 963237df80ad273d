/**
 * A copy of a database's directory, to be looked at: LevelDB cannot open one without writing to it, nor
 * one that another process has open. The directory itself is only read.
 *
 * A copy of a database in use is of one moment if its list of files (the manifest) has not changed
 * meanwhile: tables never change, logs only grow, and what a log has lost to a table is in the
 * manifest before the log goes. So the copy is made anew until that holds, and what it holds then
 * is what the disk would have after a crash at that moment.
 */
import { constants } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StatemeshError } from '../../src/base/error.ts'

export interface PrivateCopy {
  readonly path: string
  remove(): Promise<void>
}

/** A database in heavy use writes a table about every second. */
const attemptsMax = 20

/**
 * Copies the database in a directory, in use or not.
 *
 * @throws OPTION_INVALID where there is no database; STORAGE_UNAVAILABLE
 */
export async function privateCopy(directory: string): Promise<PrivateCopy> {
  await checkDatabase(directory)
  const copies = await mkdtemp(join(tmpdir(), 'statemesh-inspect-'))
  const remove = () => rm(copies, { recursive: true, force: true })
  try {
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const path = join(copies, String(attempt))
      await mkdir(path)
      if (await copyOnce(directory, path)) return { path, remove }
      await rm(path, { recursive: true })
    }
    const why = `${directory} changes faster than it can be copied; stop its process, or try again`
    throw new StatemeshError('STORAGE_UNAVAILABLE', why)
  } catch (thrown) {
    await remove()
    if (thrown instanceof StatemeshError) throw thrown
    throw new StatemeshError('STORAGE_UNAVAILABLE', `${directory} cannot be copied`, {
      cause: thrown,
    })
  }
}

/** @throws OPTION_INVALID where there is no database */
export async function checkDatabase(directory: string): Promise<void> {
  await manifestOf(directory)
}

/** @returns false if the database changed its files meanwhile */
async function copyOnce(from: string, to: string): Promise<boolean> {
  const before = await manifestOf(from)
  const names = (await readdir(from)).filter(isDatabaseFile).sort(byNumber)
  try {
    for (const name of names) {
      await copyFile(join(from, name), join(to, name), constants.COPYFILE_FICLONE)
    }
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return false // compacted away
    throw thrown
  }
  const after = await manifestOf(from)
  return before.name === after.name && before.bytes.equals(after.bytes)
}

/** The list of files of a database. */
async function manifestOf(directory: string): Promise<{ name: string; bytes: Buffer }> {
  try {
    const name = (await readFile(join(directory, 'CURRENT'), 'utf8')).trim()
    return { name, bytes: await readFile(join(directory, name)) }
  } catch (cause) {
    throw new StatemeshError('OPTION_INVALID', `there is no database in ${directory}`, { cause })
  }
}

/** Not the lock, which is the process's, nor LevelDB's own diary. */
function isDatabaseFile(name: string): boolean {
  return name === 'CURRENT' || /^MANIFEST-\d+$|^\d+\.(?:ldb|sst|log)$/.test(name)
}

/** A log is complete once a later one is there, so they are copied in their order. */
function byNumber(a: string, b: string): number {
  return Number(/\d+/.exec(a)?.[0] ?? -1) - Number(/\d+/.exec(b)?.[0] ?? -1)
}
