/** A replica on LevelDB without a relay: what a local call costs, and opening what is stored. */
import { z } from 'zod'
import {
  definePartition,
  openReplica,
  type RegisterPartition,
  type Replica,
  room,
} from '../../../src/index.ts'
import { inDirectory } from '../directory.ts'
import type { Benchmark } from '../figure.ts'

const user = z.object({ name: z.string(), status: z.enum(['active', 'away']), at: z.number() })
const Users = definePartition({ name: 'users', policy: 'last-write-wins', schema: user })
type User = z.infer<typeof user>

const keys = 10_000
const sets = 50_000
const gets = 2_000_000

function userOf(index: number): User {
  return { name: `user ${index}`, status: 'active', at: 1_700_000_000_000 + index }
}

async function withUsers<Result>(
  storage: string,
  work: (users: RegisterPartition<User>, replica: Replica) => Result | Promise<Result>,
): Promise<Result> {
  const replica = await openReplica({ actor: 'bench', storage })
  try {
    return await work(await replica.open(room('r1'), Users), replica)
  } finally {
    await replica.close()
  }
}

/** Operations a second of `work`, done `times` times. */
function perSecond(times: number, work: (index: number) => void): number {
  const start = performance.now()
  for (let index = 0; index < times; index++) work(index)
  return times / ((performance.now() - start) / 1000)
}

export const benchmarks: readonly Benchmark[] = [
  {
    // Schema check, entry, update, and the hand-over to the journal; `flushed` ends with the fsync.
    figures: { set: 'ops/s', 'set-flushed': 'ops/s' },
    run: () =>
      inDirectory(directory =>
        withUsers(directory, async (users, replica) => {
          const start = performance.now()
          const set = perSecond(sets, index => users.set(`key ${index % keys}`, userOf(index)))
          await replica.flush({ level: 'local' })
          return { set, 'set-flushed': sets / ((performance.now() - start) / 1000) }
        }),
      ),
  },
  {
    figures: { get: 'ops/s' },
    run: () =>
      inDirectory(directory =>
        withUsers(directory, users => {
          const names = Array.from({ length: keys }, (_, index) => `key ${index}`)
          users.transact(() => {
            for (const [index, name] of names.entries()) users.set(name, userOf(index))
          })
          let found = 0
          const get = perSecond(gets, index => {
            if (users.get(names[index % keys] as string) !== undefined) found += 1
          })
          if (found !== gets) throw new Error(`${gets - found} keys were not found`)
          return { get }
        }),
      ),
  },
  {
    // From an unopened directory to 10,000 keys that can be read.
    figures: { 'open-10k': 'ms' },
    run: () =>
      inDirectory(async directory => {
        await withUsers(directory, users => {
          for (let index = 0; index < keys; index++) users.set(`key ${index}`, userOf(index))
        })
        const start = performance.now()
        return withUsers(directory, users => {
          const milliseconds = performance.now() - start
          if (users.size !== keys) throw new Error(`${users.size} of ${keys} keys are there`)
          return { 'open-10k': milliseconds }
        })
      }),
  },
]
