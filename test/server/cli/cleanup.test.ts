import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cleanupData } from '../../../server/cli/cleanup-data.ts'
import {
  conversation,
  definePartition,
  globalScope,
  openArchiveLayer,
  openCleaner,
  openReplica,
  type Replica,
  type RetentionRuleInput,
  room,
} from '../../../src/index.ts'
import { Retention } from '../../../src/observe/cleanup/retention-rule.ts'
import { settle } from '../../history/pair.ts'
import { startFleet } from '../../replica/fleet.ts'
import { runCommandLine } from '../../support/run-command-line.ts'
import type { ProcessOutcome } from '../../support/run-node.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const here = room('r1')
const Sessions = definePartition<{ user: string }>({ name: 'sessions', policy: 'manual' })
const Users = definePartition<{ name: string }>({ name: 'users', policy: 'merge' })
const Thread = definePartition<string, 'log'>({ name: 'thread', policy: 'log' })
const Hits = definePartition<number, 'counter'>({ name: 'hits', policy: 'counter' })

const sessionsEnd: RetentionRuleInput = {
  does: 'expire',
  partition: 'sessions',
  afterMilliseconds: 0,
}

/** A data directory with five sessions, a thread of three, and a rule that ends sessions. */
async function dataDirectory(use?: (replica: Replica) => Promise<unknown>): Promise<string> {
  const data = await temporaryDirectory()
  const replica = await openReplica({ actor: 'ann', storage: data })
  const [sessions, thread] = [await replica.open(here, Sessions), await replica.open(here, Thread)]
  for (const key of ['1', '2', '3', '4', '5']) sessions.set(key, { user: key })
  thread.appendAll(['one', 'two', 'three'])
  const hits = await replica.open(here, Hits)
  hits.increment('page')
  const rules = await replica.open(globalScope, Retention)
  rules.set('sessions end', sessionsEnd)
  await use?.(replica)
  await replica.close()
  return data
}

/** What the directory says when it is opened again. */
async function contentOf(data: string) {
  const replica = await openReplica({ actor: 'ann', storage: data })
  const [sessions, thread] = [await replica.open(here, Sessions), await replica.open(here, Thread)]
  const content = { sessions: [...sessions.keys()].sort(), thread: thread.length }
  await replica.close()
  return content
}

async function bytesOf(directory: string): Promise<[string, string][]> {
  const names = (await readdir(directory)).sort()
  const read = async (name: string) => (await readFile(join(directory, name))).toString('base64')
  return Promise.all(names.map(async name => [name, await read(name)] as [string, string]))
}

const cleanup = (...args: string[]): Promise<ProcessOutcome> => runCommandLine('cleanup', ...args)

async function rulesFile(rules: unknown): Promise<string> {
  const path = join(await temporaryDirectory(), 'rules.json')
  await writeFile(path, JSON.stringify(rules))
  return path
}

describe('statemesh cleanup', () => {
  it('shows what stored rules would take, and changes nothing', async () => {
    const data = await dataDirectory()
    const archive = join(await temporaryDirectory(), 'archive')
    const before = await bytesOf(data)
    const [table, json] = await Promise.all([
      cleanup('--data', data, '--archive', archive, '--dry-run'),
      cleanup('--data', data, '--archive', archive, '--dry-run', '--json'),
    ])
    expect(table).toMatchObject({ code: 0, stderr: '' })
    expect(table.stdout).toMatch(/sessions end +room:r1\/sessions +delete +5 +1, 2, 3, 4, 5/)
    expect(table.stdout).toContain('5 would go; nothing was changed')
    const document = 'room:r1/sessions'
    expect(JSON.parse(json.stdout)).toMatchObject({
      dryRun: true,
      items: [{ rule: 'sessions end', document, does: 'delete', count: 5 }],
      count: 5,
      complete: true,
      problems: [],
    })
    expect(await bytesOf(data)).toEqual(before)
    await expect(readdir(archive)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('takes it away, archived first, so that it can be restored', async () => {
    const data = await dataDirectory()
    const location = await temporaryDirectory()
    const done = await cleanup('--data', data, '--archive', location)
    expect(done).toMatchObject({ code: 0, stderr: '' })
    expect(done.stdout).toContain('5 are gone')
    expect(await contentOf(data)).toEqual({ sessions: [], thread: 3 })
    const again = await cleanup('--data', data, '--archive', location)
    expect(again).toMatchObject({ code: 0, stdout: '0 are gone\n' })

    const archive = await openArchiveLayer({ location })
    const replica = await openReplica({ actor: 'ann', storage: data })
    const cleaner = await openCleaner(replica, { partitions: [Sessions], archive })
    expect(await cleaner.restore(here, Sessions)).toBe(5)
    await cleaner.close()
    await replica.close()
    await archive.close()
    expect((await contentOf(data)).sessions).toHaveLength(5)
  })

  it('is learned by others when the replica of the directory next runs', async () => {
    const fleet = await startFleet()
    const data = await dataDirectory()
    const ann = await fleet.open('ann', { storage: data })
    const bob = await fleet.open('bob')
    const sessions = await bob.open(here, Sessions)
    await settle(ann, bob)
    expect(sessions.size).toBe(5)
    await ann.close()
    const done = await cleanup('--data', data, '--archive', await temporaryDirectory())
    expect(done.code).toBe(0)
    await settle(await fleet.open('ann', { storage: data }), bob)
    expect([sessions.size, sessions.conflicts()]).toEqual([0, []])
  })

  it('takes rules from a file too, and tells kinds of partitions by what is stored', async () => {
    const data = await dataDirectory()
    const rules = await rulesFile({
      'old messages': { does: 'trim', partition: 'thread', afterMilliseconds: 0, archive: false },
      orphans: {
        does: 'clear-orphans',
        partition: 'sessions',
        parent: 'users', // of which there is none: nothing is known to be an orphan
        afterMilliseconds: 0,
        archive: false,
      },
    })
    const { code, stdout } = await cleanup('--data', data, '--rules', rules, '--json')
    const { items, problems } = JSON.parse(stdout)
    expect(code).toBe(1)
    expect(items).toMatchObject([{ rule: 'old messages', does: 'trim', count: 3 }])
    expect(problems).toMatchObject([
      { code: 'OPTION_INVALID', message: expect.stringContaining('sessions end') },
      { code: 'OPTION_INVALID', message: expect.stringContaining('the partition users') },
    ])
    expect(await contentOf(data)).toEqual({ sessions: ['1', '2', '3', '4', '5'], thread: 0 })
  })

  it('retires a scope but neither the stored rules nor the books of its partitions', async () => {
    const chat = conversation('c1')
    const data = await dataDirectory(async replica => {
      const users = await replica.open(chat, Users)
      users.set('ann', { name: 'Ann' })
      const name = 'users-audit'
      const audit = await replica.open(
        chat,
        definePartition<string, 'log'>({ name, policy: 'log' }),
      )
      audit.append('ann came')
    })
    const rules = await rulesFile({
      idle: { does: 'retire', scope: '**', afterMilliseconds: 0, archive: false },
    })
    const { stdout } = await cleanup('--data', data, '--rules', rules, '--json')
    const documents = JSON.parse(stdout).items.map(({ document }: { document: string }) => document)
    expect(documents.sort()).toEqual([
      'conversation:c1/users',
      'room:r1/sessions',
      'room:r1/thread',
    ])
  })

  it('stops when its budget is used up, and goes on when it is run again', async () => {
    const data = await dataDirectory(async replica => {
      const sessions = await replica.open(here, Sessions)
      sessions.transact(() => {
        for (let index = 0; index < 250; index++) sessions.set(`more ${index}`, { user: 'x' })
      })
    })
    const archive = await temporaryDirectory()
    const flags = ['--data', data, '--archive', archive, '--operations', '100']
    const first = await cleanup(...flags)
    expect(first.code).toBe(1)
    expect(first.stdout).toContain('run it again')
    expect((await contentOf(data)).sessions).toHaveLength(155)
    expect((await cleanup(...flags)).code).toBe(1)
    expect((await cleanup(...flags)).code).toBe(0)
    expect((await contentOf(data)).sessions).toEqual([])
  })

  it('leaves a directory alone that a process holds, but shows what would go', async () => {
    const data = await dataDirectory()
    const replica = await openReplica({ actor: 'ann', storage: data })
    const archive = await temporaryDirectory()
    const [run, plan] = await Promise.all([
      cleanup('--data', data, '--archive', archive),
      cleanup('--data', data, '--archive', archive, '--dry-run'),
    ])
    await replica.close()
    expect(run).toMatchObject({ code: 2, stdout: '' })
    expect(run.stderr).toContain('STORAGE_LOCKED')
    expect(plan.code).toBe(0)
    expect((await contentOf(data)).sessions).toHaveLength(5)
  })

  it('exits with 2 and a code for whatever it refuses', async () => {
    const data = await dataDirectory()
    const empty = await temporaryDirectory()
    const wrong = await rulesFile({ a: { does: 'burn' } })
    const list = await rulesFile([])
    const cases = [
      [{ data: empty }, 'OPTION_INVALID'],
      [{ data: empty, dryRun: true }, 'OPTION_INVALID'],
      [{ rules: wrong }, 'OPTION_INVALID'],
      [{ rules: list }, 'OPTION_INVALID'],
      [{ rules: join(empty, 'none') }, 'OPTION_INVALID'],
      [{ archive: data }, 'STORAGE_LOCKED'],
      [{ actor: '' }, 'ID_INVALID'],
    ] as const
    for (const [flags, code] of cases) {
      const all = { data, actor: 'cleanup', operations: 1, milliseconds: 1_000, ...flags }
      await expect(cleanupData(all)).rejects.toMatchObject({ code })
    }
    const runs = [cleanup('--data', empty), cleanup('--dry-run')]
    for (const { code, stdout } of await Promise.all(runs)) {
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    }
    expect((await runs[0])?.stderr).toContain('OPTION_INVALID')
    expect((await runs[1])?.stderr).toContain('required option')
    expect(await readdir(empty)).toEqual([])
    expect((await contentOf(data)).sessions).toHaveLength(5)
  })
})
