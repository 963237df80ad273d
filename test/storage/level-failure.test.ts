import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openLevelStorage } from '../../src/storage/level-storage.ts'
import { mergeLog } from '../../src/storage/merge-log.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { textOf, updateSaying, updatesWriting } from '../contracts/sample-update.ts'
import { manualTime } from '../support/manual-time.ts'
import { type TemporaryDirectory, temporaryDirectory } from './directory.ts'
import { FailingLevel } from './failing-level.ts'

let directory: TemporaryDirectory
beforeEach(async () => {
  directory = await temporaryDirectory()
})
afterEach(() => directory.remove())

const unavailable = { status: 'rejected', reason: { code: 'STORAGE_UNAVAILABLE' } }
const update = updateSaying('x')

describe('a directory', () => {
  it('is made with all that is missing above it', async () => {
    const storage = await openLevelStorage({ location: `${directory.path}/a/b/c` })
    await storage.append('doc', update)
    await storage.close()
  })

  it.skipIf(process.platform !== 'linux')('that cannot be made is refused', async () => {
    for (const location of ['/proc/data', '/proc/data/deeper']) {
      const opening = openLevelStorage({ location })
      await expect(opening).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    }
  })
})

describe('a failed write', () => {
  let level: FailingLevel
  let storage: Storage

  beforeEach(async () => {
    level = new FailingLevel(directory.path)
    storage = await openLevelStorage({ location: directory.path, createDatabase: () => level })
  })
  afterEach(() => storage.close())

  const clocks = async (document: string) =>
    (await storage.load(document)).updates.map(({ clock }) => clock)

  it('rejects with its group and everything queued behind it, and with nothing later', async () => {
    await storage.append('doc', update)
    let openGate = () => {}
    level.gate = new Promise(resolve => {
      openGate = resolve
    })
    level.failures = 1
    const group = [storage.append('doc', update), storage.append('other', update)]
    while (level.batches.length < 2) await new Promise(resolve => setImmediate(resolve))
    const behind = [
      storage.append('doc', update),
      storage.writeRecord('key', update),
      storage.replace('doc', 0, update),
      storage.remove('doc'),
    ]
    openGate()
    for (const outcome of await Promise.allSettled([...group, ...behind])) {
      expect(outcome).toMatchObject(unavailable)
    }
    expect(level.batches).toHaveLength(2)
    expect(await clocks('doc')).toEqual([0])
    expect(await storage.documents()).toEqual(['doc'])
    expect((await storage.records('')).size).toBe(0)
    expect(await storage.append('doc', update)).toBe(1)
    expect(await storage.append('other', update)).toBe(0)
    expect((await storage.documents()).length).toBe(2)
  })

  it('opens the database anew before the next write, since its log may be torn', async () => {
    level.failures = 1
    await expect(storage.append('doc', update)).rejects.toMatchObject(unavailable.reason)
    expect(level.opens).toBe(1)
    const [clock, early] = await Promise.all([storage.append('doc', update), clocks('doc')])
    expect(level.opens).toBe(2)
    expect(clock).toBe(0)
    expect([[], [0]]).toContainEqual(early)
    await storage.append('doc', update)
    expect(level.opens).toBe(2)
  })

  it('costs no append that came before a replace, nor one behind it', async () => {
    await storage.append('doc', update)
    level.failures = 1
    await expect(storage.append('doc', update)).rejects.toMatchObject(unavailable.reason)
    const later = [storage.append('doc', update), storage.append('doc', update)]
    await storage.replace('doc', 0, updateSaying('merged'))
    await Promise.all(later)
    expect(await clocks('doc')).toEqual([0, 1, 2])
  })

  it('in the middle of a long replace leaves the same document, for the next to clear up', async () => {
    const updates = updatesWriting(Array.from({ length: 1_203 }, (_, n) => `${n} `))
    await Promise.all(updates.slice(0, 1_200).map(one => storage.append('doc', one)))
    const merged = mergeLog(updates.slice(0, 1_200))
    level.batches.length = 0
    const replaced = storage.replace('doc', 1_199, merged)
    // The merged update is written, and a part of the others has been removed.
    while (level.batches.length < 3) await new Promise(resolve => setImmediate(resolve))
    level.failures = 1
    await expect(replaced).rejects.toMatchObject(unavailable.reason)
    for (const one of updates.slice(1_200)) await storage.append('doc', one)
    const left = await storage.load('doc')
    expect(left.updates.length).toBeGreaterThan(4)
    expect(left.updates.length).toBeLessThan(1_203)
    expect(textOf(left.updates.map(one => one.update))).toBe(textOf(updates))
    await storage.replace('doc', 1_202, mergeLog(left.updates.map(one => one.update)))
    expect(await clocks('doc')).toEqual([1_202])
    for (const operations of level.batches.slice(0, 4)) expect(operations).toBeLessThan(600)
  })

  it('of an update that is none rejects a replace alone', async () => {
    await storage.append('doc', update)
    const outcomes = await Promise.allSettled([
      storage.append('doc', update),
      storage.replace('doc', 0, Uint8Array.of(255, 255)),
      storage.append('doc', update),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(outcomes[1]).toMatchObject({ reason: { code: 'UPDATE_INVALID' } })
    expect(await clocks('doc')).toEqual([0, 1, 2])
  })
})

describe('many writes at once', () => {
  it('share a few fsyncs, each group within its bounds', async () => {
    const level = new FailingLevel(directory.path)
    const storage = await openLevelStorage({
      location: directory.path,
      createDatabase: () => level,
      time: manualTime(), // to it, every group takes no time
    })
    await Promise.all(Array.from({ length: 2500 }, () => storage.append('doc', update)))
    expect(level.batches.reduce((sum, size) => sum + size, 0)).toBe(2501)
    expect(Math.max(...level.batches)).toBeLessThanOrEqual(1001)
    expect(level.batches.length).toBeLessThan(10)
    level.batches.length = 0
    const large = new Uint8Array(1_500_000)
    await Promise.all(Array.from({ length: 5 }, () => storage.append('large', large)))
    expect(level.batches).toEqual([3, 2, 1])
    await storage.close()
  })
})

// The children use the built storage, so that they run without a loader.
const built = new URL('../../dist/src/storage/level-storage.js', import.meta.url).href

/** Appends without end, 100 at a time, and prints each clock once its append has resolved. */
const appendForEver = `
  import { openLevelStorage } from ${JSON.stringify(built)}
  const storage = await openLevelStorage({ location: process.argv[1] })
  const update = Uint8Array.from(${JSON.stringify([...update])})
  const lane = async n => {
    for (;;) {
      const document = 'doc' + n % 3
      const clock = await storage.append(document, update).catch(error => error.code)
      process.stdout.write(document + ' ' + clock + '\\n')
    }
  }
  await Promise.all(Array.from({ length: 100 }, (_, n) => lane(n)))`

interface Printed {
  readonly clocks: ReadonlyMap<string, readonly number[]>
  readonly errors: number
}

/** Runs the child until it has printed enough, kills it, and answers what it printed. */
async function killedWhileAppending(
  isEnough: (printed: Printed) => boolean,
  limitFiles = '',
): Promise<Printed> {
  const script = `${limitFiles} exec "$@"`
  const args = ['-c', script, 'sh', process.execPath, '--input-type=module', '-e', appendForEver]
  const child = spawn('sh', [...args, '--', directory.path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const clocks = new Map<string, number[]>()
  const printed = { clocks, errors: 0 }
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() as string
    for (const line of lines) {
      const [document, clock] = line.split(' ') as [string, string]
      if (clock === 'STORAGE_UNAVAILABLE') printed.errors += 1
      else clocks.set(document, [...(clocks.get(document) ?? []), Number(clock)])
    }
    if (isEnough(printed)) child.kill('SIGKILL')
  })
  await once(child, 'close')
  return printed
}

async function missing({ clocks }: Printed): Promise<number[]> {
  const storage = await openLevelStorage({ location: directory.path })
  const lost: number[] = []
  for (const [document, resolved] of clocks) {
    const stored = new Set((await storage.load(document)).updates.map(({ clock }) => clock))
    lost.push(...resolved.filter(clock => !stored.has(clock)))
  }
  await storage.close()
  return lost
}

const total = ({ clocks }: Printed) =>
  [...clocks.values()].reduce((sum, { length }) => sum + length, 0)

describe('a process that is killed in mid-write', () => {
  it('loses no append that had resolved', async () => {
    const printed = await killedWhileAppending(printed => total(printed) > 3000)
    expect(total(printed)).toBeGreaterThan(3000)
    expect(await missing(printed)).toEqual([])
  })
})

describe.runIf(process.platform === 'linux')('a disk that refuses to let files grow', () => {
  it('fails writes for a while, and loses none that had resolved', async () => {
    // Units of 512 bytes: the log of LevelDB meets the limit again and again.
    const printed = await killedWhileAppending(
      printed => printed.errors > 100 && total(printed) > 2000,
      'ulimit -f 64;',
    )
    expect(printed.errors).toBeGreaterThan(100)
    expect(await missing(printed)).toEqual([])
  })
})
