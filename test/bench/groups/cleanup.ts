/** Cleanup of a large partition: how long it takes, and how long it keeps the event loop. */
import {
  createMemoryStorage,
  definePartition,
  openReplica,
  type Replica,
  room,
  type Scope,
} from '../../../src/index.ts'
import { openCleaner } from '../../../src/observe/cleanup/cleaner.ts'
import type { RetentionRuleInput } from '../../../src/observe/cleanup/retention-rule.ts'
import { openArchiveLayer } from '../../../src/storage/layers/level-layer.ts'
import { inDirectory } from '../directory.ts'
import type { Benchmark } from '../figure.ts'

interface Session {
  readonly user: string
  readonly expiresAt: number
}
const Sessions = definePartition<Session>({ name: 'sessions', policy: 'last-write-wins' })
const Thread = definePartition<string, 'log'>({ name: 'thread', policy: 'log' })
const count = 100_000
const perTransaction = 1_000
/** A document of all of them would be compacted meanwhile, which takes long in itself. */
const rooms = 20

/** The most CPU time between two turns of the event loop while `work` runs, in milliseconds. */
async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  let longest = 0
  let last = process.cpuUsage()
  let over = false
  const turn = () => {
    const { user, system } = process.cpuUsage(last)
    longest = Math.max(longest, (user + system) / 1000)
    last = process.cpuUsage()
    if (!over) setImmediate(turn)
  }
  setImmediate(turn)
  await work()
  over = true
  return longest
}

/** Where each transaction of all rooms begins. */
function batches(): { readonly scope: Scope; readonly from: number }[] {
  return Array.from({ length: count / perTransaction }, (_, batch) => {
    return { scope: room(`r${batch % rooms}`), from: batch * perTransaction }
  })
}

function cleaning(
  figure: string,
  rules: { readonly [name: string]: RetentionRuleInput },
  fill: (replica: Replica) => Promise<void>,
) {
  return inDirectory(async location => {
    const replica = await openReplica({ actor: 'ann', storage: createMemoryStorage() })
    const archive = await openArchiveLayer({ location })
    const cleaner = await openCleaner(replica, { partitions: [Sessions, Thread], rules, archive })
    await fill(replica)
    const budget = { operationsMax: count, millisecondsMax: Number.POSITIVE_INFINITY }
    const start = performance.now()
    const stall = await longestTurn(async () => {
      const { count: gone, problems } = await cleaner.run(budget)
      if (gone !== count || problems.length > 0) throw new Error('not all was cleaned up')
    })
    const elapsed = performance.now() - start
    await cleaner.close()
    await archive.close()
    await replica.close()
    return { [figure]: (elapsed * 1000) / count, [`${figure}-stall`]: stall }
  })
}

async function fillSessions(replica: Replica): Promise<void> {
  for (const { scope, from } of batches()) {
    const sessions = await replica.open(scope, Sessions)
    sessions.transact(() => {
      for (let at = from; at < from + perTransaction; at++) {
        sessions.set(`session ${at}`, { user: `user ${at % 100}`, expiresAt: 0 })
      }
    })
    sessions.close()
  }
  await replica.flush({ level: 'local' })
}

async function fillTombstones(replica: Replica): Promise<void> {
  await fillSessions(replica)
  for (let index = 0; index < rooms; index++) {
    const sessions = await replica.open(room(`r${index}`), Sessions)
    const keys = [...sessions.keys()]
    sessions.transact(() => {
      for (const key of keys) sessions.delete(key)
    })
    sessions.close()
  }
  await replica.flush({ level: 'local' })
}

async function fillThreads(replica: Replica): Promise<void> {
  for (const { scope, from } of batches()) {
    const thread = await replica.open(scope, Thread)
    thread.appendAll(Array.from({ length: perTransaction }, (_, at) => `said ${from + at}`))
    thread.close()
  }
  await replica.flush({ level: 'local' })
}

const ended: RetentionRuleInput = {
  does: 'expire',
  partition: 'sessions',
  field: 'expiresAt',
  afterMilliseconds: 0,
}
const dead: RetentionRuleInput = { does: 'reap', partition: 'sessions', afterMilliseconds: 0 }
const old: RetentionRuleInput = { does: 'trim', partition: 'thread', afterMilliseconds: 0 }

export const benchmarks: readonly Benchmark[] = [
  {
    figures: { 'expire-100k': 'us', 'expire-100k-stall': 'ms' },
    runs: 3,
    run: () => cleaning('expire-100k', { ended }, fillSessions),
  },
  {
    figures: { 'reap-100k': 'us', 'reap-100k-stall': 'ms' },
    runs: 3,
    run: () => cleaning('reap-100k', { dead }, fillTombstones),
  },
  {
    figures: { 'trim-100k': 'us', 'trim-100k-stall': 'ms' },
    runs: 3,
    run: () => cleaning('trim-100k', { old }, fillThreads),
  },
]
