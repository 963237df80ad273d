import { execFile } from 'node:child_process'
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Level } from 'level'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openLevelStorage } from '../../src/storage/level-storage.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { updateSaying } from '../contracts/sample-update.ts'
import { type TemporaryDirectory, temporaryDirectory } from './directory.ts'

let directory: TemporaryDirectory
beforeEach(async () => {
  directory = await temporaryDirectory()
})
afterEach(() => directory.remove())

const open = () => openLevelStorage({ location: directory.path })

async function ours<Result>(use: (storage: Storage) => Promise<Result>): Promise<Result> {
  const storage = await open()
  try {
    return await use(storage)
  } finally {
    await storage.close()
  }
}

async function filesEnding(...endings: string[]): Promise<string[]> {
  const names = await readdir(directory.path)
  const found = names.filter(name => endings.some(ending => name.includes(ending)))
  return found.map(name => join(directory.path, name))
}

/** Rewrites the database into tables, whose values LevelDB does not check when it reads them. */
async function intoTables(): Promise<void> {
  const level = new Level<Uint8Array, Uint8Array>(directory.path, { keyEncoding: 'view' })
  await level.open()
  const classic = level as unknown as { compactRange(start: unknown, end: unknown): Promise<void> }
  await classic.compactRange(Uint8Array.of(0), Uint8Array.of(255))
  await level.close()
}

/** Flips one bit in the middle of `text`, where it stands in a table. */
async function flipInTables(text: string): Promise<void> {
  let flipped = 0
  for (const path of await filesEnding('.ldb')) {
    const bytes = await readFile(path)
    const at = bytes.indexOf(text)
    if (at < 0) continue
    const middle = at + (text.length >> 1)
    bytes[middle] = (bytes[middle] as number) ^ 1
    await writeFile(path, bytes)
    flipped += 1
  }
  expect(flipped).toBe(1)
}

// Text that compression leaves as it is, so that it can be found in a table.
function noise(seed: number): string {
  let state = seed
  return Array.from({ length: 400 }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return String.fromCharCode(33 + ((state >>> 16) % 94))
  }).join('')
}

describe('a bit that flips inside a string', () => {
  const texts = [1, 2, 3].map(noise)

  beforeEach(async () => {
    await ours(async storage => {
      for (const text of texts) await storage.append('room:a/notes', updateSaying(text))
      await storage.append('other', updateSaying(noise(4)))
    })
    await intoTables()
    await flipInTables(texts[1] as string)
  })

  it('is found by load, which gives back the other updates and keeps the damaged bytes', async () => {
    await ours(async storage => {
      const { updates, damaged } = await storage.load('room:a/notes')
      expect(updates.map(({ clock }) => clock)).toEqual([0, 2])
      expect(damaged).toEqual([
        { document: 'room:a/notes', clock: 1, reason: expect.stringContaining('seal') },
      ])
      const kept = await storage.records('damaged/room%3Aa%2Fnotes/')
      expect([...kept.keys()]).toEqual([expect.stringMatching(/\/1\/[0-9a-f]+$/)])
      const bytes = Buffer.from([...kept.values()][0] as Uint8Array).toString('latin1')
      expect(bytes).toContain(texts[1]?.slice(0, 100))
      expect(await storage.load('room:a/notes')).toMatchObject({ updates, damaged: [] })
      expect(await storage.append('room:a/notes', updateSaying('x'))).toBe(3)
    })
  })

  it('is not lost to a replace, and goes with its document', async () => {
    await ours(async storage => {
      await storage.replace('room:a/notes', 2, updateSaying('merged'))
      expect((await storage.records('damaged/')).size).toBe(1)
      await storage.remove('room:a/notes')
      expect((await storage.records('damaged/')).size).toBe(0)
      expect((await storage.load('other')).updates).toHaveLength(1)
    })
  })
})

describe('a block that LevelDB itself cannot read', () => {
  it('costs its own updates only', async () => {
    // Text that compresses, so that a changed block does not unpack.
    await ours(async storage => {
      const write = async (name: string, n: number) =>
        storage.append(name, updateSaying(`${n} `.repeat(300), n + 1))
      for (let n = 0; n < 100; n++) await write('doc', n)
      await write('other', 1)
    })
    await intoTables()
    const [path] = (await filesEnding('.ldb')) as [string]
    const bytes = await readFile(path)
    bytes.fill(0xff, 2000, 2060)
    await writeFile(path, bytes)
    await ours(async storage => {
      const { updates, damaged } = await storage.load('doc')
      expect(updates.length).toBeGreaterThan(50)
      expect(damaged.length).toBeGreaterThan(0)
      expect(updates.length + damaged.length).toBe(100)
      expect((await storage.load('other')).updates).toHaveLength(1)
      expect(await storage.append('doc', updateSaying('x'))).toBe(100)
      await expect(storage.replace('doc', 100, updateSaying('x'))).rejects.toMatchObject({
        code: 'STORAGE_CORRUPT',
      })
    })
  })
})

describe('a value of another program', () => {
  it('that is no update is set aside', async () => {
    await ours(storage => storage.append('doc', updateSaying('good')))
    const level = new Level<Uint8Array, Uint8Array>(directory.path, {
      keyEncoding: 'view',
      valueEncoding: 'view',
    })
    const entries = await level.iterator().all()
    const [key] = entries.find(([key]) => key.at(-5) === 1) as [Uint8Array, Uint8Array]
    const next = key.slice()
    next[next.length - 1] = 1
    await level.put(next, Uint8Array.of(255, 255, 255))
    await level.close()
    await ours(async storage => {
      const { updates, damaged } = await storage.load('doc')
      expect(updates).toHaveLength(1)
      expect(damaged).toMatchObject([{ clock: 1 }])
    })
  })
})

describe('a database that cannot be opened', () => {
  it('is STORAGE_LOCKED while this process has it open', async () => {
    await ours(async storage => {
      await expect(open()).rejects.toMatchObject({ code: 'STORAGE_LOCKED', retryable: true })
      await storage.append('doc', updateSaying('still fine'))
    })
    await ours(async storage => expect(await storage.documents()).toEqual(['doc']))
  })

  it('is STORAGE_LOCKED in a second process', async () => {
    const built = new URL('../../dist/src/storage/level-storage.js', import.meta.url).href
    const script = `
      import { openLevelStorage } from ${JSON.stringify(built)}
      await openLevelStorage({ location: process.argv[1] }).catch(error => console.log(error.code))`
    await ours(async () => {
      const args = ['--input-type=module', '-e', script, '--', directory.path]
      const { stdout } = await promisify(execFile)(process.execPath, args)
      expect(stdout).toBe('STORAGE_LOCKED\n')
    })
  })

  it.each([
    ['CURRENT', 'nonsense'],
    ['CURRENT', ''],
    ['MANIFEST', 'nonsense'],
    ['MANIFEST', ''],
  ])('is STORAGE_CORRUPT when its %s file holds %j', async (name, content) => {
    await ours(storage => storage.append('doc', updateSaying('x')))
    for (const path of await filesEnding(name)) await writeFile(path, content)
    await expect(open()).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' })
  })

  it('is STORAGE_CORRUPT when CURRENT is missing, and leaves the data alone', async () => {
    await ours(storage => storage.append('doc', updateSaying('x')))
    const current = join(directory.path, 'CURRENT')
    const content = await readFile(current)
    await rm(current)
    const before = await readdir(directory.path)
    await expect(open()).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' })
    expect(await readdir(directory.path)).toEqual(before)
    await writeFile(current, content)
    await ours(async storage => expect(await storage.documents()).toEqual(['doc']))
  })

  it('is no error when a crash cut the making of the database short', async () => {
    await ours(storage => storage.append('doc', updateSaying('x')))
    const [manifest] = await filesEnding('MANIFEST')
    const begun = join(directory.path, 'begun')
    await mkdir(begun)
    await copyFile(manifest as string, join(begun, 'MANIFEST-000001'))
    const storage = await openLevelStorage({ location: begun })
    expect(await storage.documents()).toEqual([])
    await storage.close()
  })

  it('is STORAGE_UNAVAILABLE when a file is missing, as LevelDB calls that an I/O error', async () => {
    await ours(storage => storage.append('doc', updateSaying('x')))
    await writeFile(join(directory.path, 'CURRENT'), 'MANIFEST-999999\n')
    await expect(open()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  })

  it('is STORAGE_UNAVAILABLE when its place is a file', async () => {
    const location = join(directory.path, 'file')
    await writeFile(location, 'not a directory')
    await expect(openLevelStorage({ location })).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    })
  })
})
