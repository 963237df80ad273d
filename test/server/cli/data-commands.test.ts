import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { LeveldbPersistence } from 'y-leveldb'
import * as Y from 'yjs'
import { exportData } from '../../../server/cli/export-data.ts'
import { importData } from '../../../server/cli/import-data.ts'
import { diffData, inspectData, rewindData } from '../../../server/cli/inspect-data.ts'
import type { Outcome } from '../../../server/cli/outcome.ts'
import { privateCopy } from '../../../server/cli/private-copy.ts'
import {
  definePartition,
  importDocuments,
  openLevelStorage,
  openReplica,
  room,
  StateDebugger,
} from '../../../src/index.ts'
import { startRelayProcess } from '../../support/relay-process.ts'
import { inRepository } from '../../support/repository.ts'
import { runCommandLine } from '../../support/run-command-line.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { waitUntil } from '../../support/wait-until.ts'

const users = 'room:r1/users'
const names = ['agent:team/notes', 'agent:team/spend', 'room:r1/events', 'room:r1/hits', users]
const shown = { limit: 50, json: true } as const

/** A data directory whose process was killed while it wrote; the tests only read it. */
let killed = ''

beforeAll(async () => {
  killed = await mkdtemp(join(tmpdir(), 'statemesh-killed-'))
  const script = inRepository('dist/test/server/cli/killed-agent.js')
  const child = spawn(process.execPath, [script, killed], { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  await once(child.stdout as NodeJS.ReadableStream, 'data')
  child.kill('SIGKILL')
  await closed
})

afterAll(() => rm(killed, { recursive: true, force: true }))

/** Every file of a directory with its bytes. */
async function contentOf(directory: string): Promise<Map<string, string>> {
  const files = await readdir(directory)
  const read = files.map(async file => {
    const { mtimeMs } = await stat(join(directory, file))
    const bytes = await readFile(join(directory, file))
    return [file, `${mtimeMs} ${bytes.toString('base64')}`] as const
  })
  return new Map((await Promise.all(read)).sort())
}

/** What a command prints with `--json`. */
async function json(outcome: Promise<Outcome>) {
  return JSON.parse((await outcome).text)
}

const coded = (code: string) => expect.objectContaining({ code })

describe('the command line', () => {
  test('inspects the directory of a killed process, and does not touch it', async () => {
    const before = await contentOf(killed)
    const runs = [
      runCommandLine('inspect', killed, '--json'),
      runCommandLine('inspect', killed),
      runCommandLine('inspect', killed, users),
    ] as const
    const [listed, table, one] = await Promise.all(runs)
    expect([listed.code, table.code, one.code]).toEqual([0, 0, 0])
    const { store, documents } = JSON.parse(listed.stdout)
    expect(store).toMatchObject({ clean: false, damaged: [] })
    expect(documents.map(({ document }: { document: string }) => document)).toEqual(names)
    expect(table.stdout).toMatch(/room:r1\/users +registers +1 +0 +3/)
    expect(table.stdout).toContain('not closed cleanly')
    expect(one.stdout).toMatch(/alice +\{"big"/)
    expect(await contentOf(killed)).toEqual(before)
  })

  test('exports, imports and compares; exits with 1 for a difference', async () => {
    const places = await temporaryDirectory()
    const [file, made] = [join(places, 'all.json'), join(places, 'made')]
    expect((await runCommandLine('export', killed, '--output', file)).code).toBe(0)
    expect((await runCommandLine('import', made, file, '--write')).stdout).toContain('written')
    const [same, other] = await Promise.all([
      runCommandLine('diff', killed, made),
      runCommandLine('diff', killed, await oneDocument(), '--document', 'mine'),
    ])
    expect(same).toMatchObject({ code: 0, stdout: 'no difference\n' })
    expect(other).toMatchObject({ code: 1 })
    expect(other.stdout).toContain('document added')
  })

  test('exits with 2 and a code for whatever it refuses, and prints nothing', async () => {
    const empty = await temporaryDirectory()
    const cases = [
      [['inspect', empty], 'OPTION_INVALID'],
      [['inspect', killed, 'theirs'], 'DOCUMENT_UNKNOWN'],
      [['diff', killed], 'missing required argument'],
      [['rewind', killed, users, '--to', 'soon'], 'a time is'],
    ] as const
    const outcomes = await Promise.all(cases.map(([args]) => runCommandLine(...args)))
    for (const [index, { code, stdout, stderr }] of outcomes.entries()) {
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toContain(cases[index]?.[1])
    }
    expect(await readdir(empty)).toEqual([])
  })
})

describe('a data directory of a process that was killed', () => {
  test('shows documents of every kind', async () => {
    const { documents } = await json(inspectData(killed, undefined, shown))
    const byName = Object.fromEntries(
      documents.map((entry: { document: string }) => [entry.document, entry]),
    )
    expect(byName[users]).toMatchObject({ kind: 'registers', items: 1, updates: 3, problems: [] })
    expect(byName['agent:team/spend']).toMatchObject({ kind: 'budget', items: 1 })
    expect(byName['room:r1/hits']).toMatchObject({ kind: 'counter', items: 1 })
    expect(byName['agent:team/notes']).toMatchObject({ kind: 'crdt', items: 1 })
    expect(byName['room:r1/events'].items).toBeGreaterThanOrEqual(1)
    const { state } = await json(inspectData(killed, users, shown))
    expect(state.keys.alice).toMatchObject({
      by: 'ann',
      value: {
        name: 'Alice',
        tags: { $: 'set', of: ['x'] },
        since: { $: 'date', of: 5 },
        big: { $: 'bigint', of: String(2n ** 70n) },
      },
    })
  })

  test('is exported as JSON and made again, elsewhere, exactly', async () => {
    const places = await temporaryDirectory()
    const [file, made] = [join(places, 'all.json'), join(places, 'made')]
    await exportData(killed, { format: 'json', output: file })
    expect((await diffData(killed, file, shown)).exitCode).toBe(0)
    const plan = await json(importData(made, file, { json: true }))
    expect(plan).toMatchObject({ written: false })
    expect(plan.documents).toHaveLength(names.length)
    await expect(stat(made)).rejects.toMatchObject({ code: 'ENOENT' })
    await importData(made, file, { write: true })
    expect((await diffData(killed, made, shown)).exitCode).toBe(0)
    const replica = await openReplica({ actor: 'ann', storage: made })
    onTestFinished(() => replica.close())
    const Users = definePartition<unknown>({ name: 'users', policy: 'last-write-wins' })
    const opened = await replica.open(room('r1'), Users)
    expect(opened.get('alice')).toMatchObject({ tags: new Set(['x']), since: new Date(5) })
  })

  test('is exported as an update, and as a directory of y-leveldb, and imported from them', async () => {
    const places = await temporaryDirectory()
    const [update, level] = [join(places, 'users.update'), join(places, 'level')]
    const one = { format: 'update' as const, output: update, document: [users] }
    const { text } = await exportData(killed, one)
    expect(text).toBe(`1 document to ${update}`)
    const doc = new Y.Doc()
    Y.applyUpdate(doc, await readFile(update))
    expect(doc.getMap('reg').size).toBe(2)
    expect((await diffData(killed, update, { ...shown, document: users })).exitCode).toBe(0)

    await exportData(killed, { format: 'leveldb', output: level })
    const stock = new LeveldbPersistence(level)
    expect((await stock.getAllDocNames()).sort()).toEqual(names)
    const stored = await stock.getYDoc('agent:team/notes')
    expect(stored.getText('t').toString()).toBe('hello')
    await stock.storeUpdate('stock-doc', Y.encodeStateAsUpdate(doc))
    await stock.destroy()
    const listed = await json(inspectData(level, undefined, shown))
    expect(listed.store.generation).toBeUndefined()
    expect(listed.documents).toHaveLength(names.length + 1)
    const into = join(places, 'into')
    await importData(into, level, { write: true })
    expect((await diffData(level, into, shown)).exitCode).toBe(0)
  })

  test('is rewound by stored updates and by time', async () => {
    const first = await json(rewindData(killed, users, { ...shown, updates: 2 }))
    expect(first.state.keys).toMatchObject({ alice: {}, bob: { value: 1 } })
    const to = (text: string) => rewindData(killed, users, { ...shown, to: Date.parse(text) })
    expect((await json(to('2020-01-01'))).updates).toEqual({ taken: 0, stored: 3 })
    expect((await json(to('2100-01-01'))).state.keys.bob).not.toHaveProperty('value')
    const counters = rewindData(killed, 'room:r1/hits', { ...shown, to: 0 })
    await expect(counters).rejects.toEqual(coded('OPTION_INVALID'))
  })
})

describe('a data directory in use', () => {
  test('is inspected while a relay writes to it, and cannot be imported into', async () => {
    const data = await temporaryDirectory()
    const relay = await startRelayProcess({ data })
    onTestFinished(async () => void (await relay.kill('SIGKILL')))
    const storage = await temporaryDirectory()
    const replica = await openReplica({ actor: 'ann', storage, relay: relay.url })
    onTestFinished(() => replica.close())
    const Log = definePartition<string>({ name: 'events', policy: 'log' })
    const log = await replica.open(room('r1'), Log)
    let writing = true
    const writer = (async () => {
      while (writing && log.length < 5000) {
        for (let index = 0; index < 10; index++) log.append('x'.repeat(500))
        await replica.flush()
      }
    })()
    for (let round = 0; round < 3; round++) {
      const { length } = log
      await replica.flush()
      const seen = await json(inspectData(data, 'room:r1/events', shown))
      expect(seen.items).toBeGreaterThanOrEqual(length)
      expect(seen).toMatchObject({ problems: [], damaged: [], incomplete: false })
    }
    writing = false
    await writer
    const locked = await runCommandLine('import', data, await oneDocument(), '--write')
    expect(locked.code).toBe(2)
    expect(locked.stderr).toContain('STORAGE_LOCKED')
    expect((await relay.kill('SIGTERM')).code).toBe(0)
  })

  test('is copied as of one moment, while it grows', async () => {
    const location = join(await temporaryDirectory(), 'data')
    const storage = await openLevelStorage({ location })
    const doc = new Y.Doc()
    const durable: number[] = []
    doc.on('update', update => {
      void storage.append('doc', update).then(clock => durable.push(clock))
    })
    const text = doc.getText('t')
    text.insert(0, 'x')
    await waitUntil(() => durable.length > 0) // a copy of before that has no document
    for (let round = 0; round < 4; round++) {
      for (let index = 0; index < 800; index++) text.insert(0, 'y'.repeat(2000))
      await new Promise(resolve => setImmediate(resolve))
      const known = durable.length
      const copy = await privateCopy(location)
      const copied = await openLevelStorage({ location: copy.path })
      const { updates, damaged } = await copied.load('doc')
      expect(damaged).toEqual([])
      expect(updates.length).toBeGreaterThanOrEqual(known)
      expect(updates.map(({ clock }) => clock)).toEqual(updates.map((_, index) => index))
      expect((await new StateDebugger(copied).snapshot('doc')).incomplete).toBe(false)
      await copied.close()
      await copy.remove()
    }
    await storage.close()
  })
})

/** A data directory with one document, `mine`. */
async function oneDocument(): Promise<string> {
  const location = join(await temporaryDirectory(), 'data')
  const doc = new Y.Doc()
  doc.getText('t').insert(0, 'x')
  const documents = new Map([['mine', Y.encodeStateAsUpdate(doc)]])
  await importDocuments({ location, documents })
  return location
}

test('a stock database is shown with whatever names and gaps it has', async () => {
  const location = join(await temporaryDirectory(), 'stock')
  const stock = new LeveldbPersistence(location)
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', update => updates.push(update))
  for (const word of ['a', 'b', 'c']) doc.getText('t').insert(0, word)
  await stock.storeUpdate('/odd//name', updates[0] as Uint8Array)
  await stock.storeUpdate('gap', updates[0] as Uint8Array)
  await stock.storeUpdate('gap', updates[2] as Uint8Array)
  await stock.destroy()
  const { documents } = await json(inspectData(location, undefined, shown))
  expect(documents).toMatchObject([
    { document: '/odd//name', kind: 'crdt', items: 1, incomplete: false, problems: [] },
    { document: 'gap', kind: 'crdt', items: 1, incomplete: true, problems: [] },
  ])
  const places = await temporaryDirectory()
  const output = join(places, 'gap.json')
  await exportData(location, { format: 'json', document: ['gap'], output })
  expect((await importData(join(places, 'made'), output, { write: true })).exitCode).toBe(0)
  const odd = importData(join(places, 'made'), location, { write: true, document: '/odd//name' })
  await expect(odd).rejects.toEqual(coded('DOCUMENT_NAME_INVALID'))
})

describe('what is refused', () => {
  test('overwriting: of files, of directories, and of documents', async () => {
    const data = await oneDocument()
    const places = await temporaryDirectory()
    const [file, directory] = [join(places, 'there'), join(places, 'full')]
    await writeFile(file, 'precious')
    await mkdir(directory)
    await writeFile(join(directory, 'file'), 'precious')
    const exists = coded('DATA_EXISTS')
    await expect(exportData(data, { format: 'json', output: file })).rejects.toEqual(exists)
    const leveldb = exportData(data, { format: 'leveldb', output: directory })
    await expect(leveldb).rejects.toEqual(exists)
    expect(await readFile(file, 'utf8')).toBe('precious')
    expect((await readdir(places)).sort()).toEqual(['full', 'there'])

    const target = join(places, 'target')
    await cp(data, target, { recursive: true })
    const update = Y.encodeStateAsUpdate(new Y.Doc({ guid: 'other' }))
    const documents = new Map([
      ['another', update],
      ['mine', update],
    ])
    await expect(importDocuments({ location: target, documents })).rejects.toEqual(exists)
    await expect(importData(target, data, {})).rejects.toEqual(exists)
    expect((await diffData(data, target, shown)).exitCode).toBe(0)
  })

  test('sources that are none, and formats that need more', async () => {
    const data = await oneDocument()
    const places = await temporaryDirectory()
    const bad = join(places, 'bad')
    const target = join(places, 'target')
    const invalid = coded('OPTION_INVALID')
    await writeFile(bad, Uint8Array.of(1, 1, 1, 0, 4, 1, 1, 116, 0, 0))
    const hostile = importData(target, bad, { document: 'mine', write: true })
    await expect(hostile).rejects.toEqual(coded('UPDATE_INVALID'))
    await expect(importData(target, bad, { write: true })).rejects.toEqual(invalid)
    await writeFile(bad, '{"format":')
    await expect(importData(target, bad, { write: true })).rejects.toEqual(invalid)
    const unknown = importData(target, data, { document: 'theirs', write: true })
    await expect(unknown).rejects.toEqual(coded('DOCUMENT_UNKNOWN'))
    await expect(stat(target)).rejects.toMatchObject({ code: 'ENOENT' })
    const nameless = exportData(data, { format: 'update', output: target })
    await expect(nameless).rejects.toEqual(invalid)
    await expect(exportData(data, { format: 'leveldb' })).rejects.toEqual(invalid)
  })
})

test('an import into the store of a replica reaches its relay', async () => {
  const relay = await startRelayProcess({ data: await temporaryDirectory() })
  onTestFinished(async () => void (await relay.kill('SIGKILL')))
  const storage = await temporaryDirectory()
  const options = { actor: 'ann', storage, relay: relay.url }
  const Users = definePartition<string>({ name: 'users', policy: 'last-write-wins' })
  const first = await openReplica(options)
  await first.synced()
  await first.close()
  const other = await temporaryDirectory()
  const source = await openReplica({ actor: 'bob', storage: other })
  ;(await source.open(room('r2'), Users)).set('carol', 'x')
  await source.close()
  await importData(storage, other, { write: true })
  const again = await openReplica(options)
  expect(again.status.unsynced).toBe(1)
  await again.flush()
  await again.close()
  const reader = await openReplica({ ...options, storage: await temporaryDirectory() })
  onTestFinished(() => reader.close())
  const opened = await reader.open(room('r2'), Users)
  await reader.synced()
  expect(opened.get('carol')).toBe('x')
})
