/** What a past costs: each figure beside what the same number of plain writes to registers takes. */
import { openEvents } from '../../../src/history/events/event-store.ts'
import { openProjection } from '../../../src/history/events/projection.ts'
import { defineHistory } from '../../../src/history/history-definition.ts'
import { openHistory } from '../../../src/history/versions/history.ts'
import {
  createMemoryStorage,
  definePartition,
  openReplica,
  type Replica,
  room,
} from '../../../src/index.ts'
import { Balances, Bank } from '../../history/bank.ts'
import type { Benchmark } from '../figure.ts'

const Users = definePartition<{ name: string }>({ name: 'users', policy: 'last-write-wins' })
const UsersHistory = defineHistory({ of: Users, automaticChanges: Number.POSITIVE_INFINITY })
const Plain = definePartition<{ name: string }>({ name: 'plain', policy: 'last-write-wins' })

const here = room('r1')
const count = 5_000
const keys = 1_000

/** Microseconds for each of `count`. */
function each(work: () => void): number {
  const start = performance.now()
  work()
  return ((performance.now() - start) * 1000) / count
}

/** Runs on a replica in memory, with what a plain write costs on it. */
async function onReplica(
  figure: string,
  measure: (replica: Replica) => Promise<number>,
): Promise<{ [figure: string]: { value: number; baseline: number } }> {
  const replica = await openReplica({ actor: 'ann', storage: createMemoryStorage() })
  const plain = await replica.open(here, Plain)
  const write = () => {
    for (let index = 0; index < count; index++) {
      plain.set(`user ${index % keys}`, { name: `${index}` })
    }
  }
  write()
  const baseline = each(write)
  const value = await measure(replica)
  await replica.close()
  return { [figure]: { value, baseline } }
}

async function openBank(replica: Replica, filled: boolean) {
  const bank = await openEvents(replica, here, Bank)
  const emit = () => {
    for (let index = 0; index < count; index++) {
      bank.emit('credited', { account: `account ${index % keys}`, amount: 1 })
    }
  }
  if (filled) emit()
  return { bank, emit }
}

async function openUsers(replica: Replica) {
  const users = await replica.open(here, Users)
  const history = await openHistory(replica, here, UsersHistory)
  const write = (name: string) => {
    for (let index = 0; index < count; index++) {
      users.set(`user ${index % keys}`, { name: `${name} ${index}` })
    }
  }
  return { history, write }
}

export const benchmarks: readonly Benchmark[] = [
  {
    figures: { emit: 'us' },
    run: () => onReplica('emit', async replica => each((await openBank(replica, false)).emit)),
  },
  {
    figures: { replay: 'us' },
    run: () =>
      onReplica('replay', async replica => {
        const { bank } = await openBank(replica, true)
        return each(() => {
          for (const _ of bank.replay());
        })
      }),
  },
  {
    figures: { fold: 'us' },
    run: () =>
      onReplica('fold', async replica => {
        await openBank(replica, true)
        const balances = await openProjection(replica, here, Balances)
        return each(() => balances.rebuild())
      }),
  },
  {
    figures: { 'recorded-set': 'us' },
    run: () =>
      onReplica('recorded-set', async replica => {
        const { write } = await openUsers(replica)
        return each(() => write('recorded'))
      }),
  },
  {
    // For each of the keys that it holds.
    figures: { 'snapshot-1k': 'us' },
    run: () =>
      onReplica('snapshot-1k', async replica => {
        const { history, write } = await openUsers(replica)
        write('first')
        return (each(() => void history.snapshot('bench')) * count) / keys
      }),
  },
  {
    // For each of the keys that differ.
    figures: { 'rollback-1k': 'us' },
    run: () =>
      onReplica('rollback-1k', async replica => {
        const { history, write } = await openUsers(replica)
        write('first')
        history.snapshot('bench')
        write('second')
        return (each(() => void history.rollback('bench')) * count) / keys
      }),
  },
]
