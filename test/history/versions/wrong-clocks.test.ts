/** Histories on a machine whose clock was far ahead, and is right again: stamps go back. */
import { expect, it } from 'vitest'
import { defineHistory } from '../../../src/history/history-definition.ts'
import { type History, openHistory } from '../../../src/history/versions/history.ts'
import {
  createMemoryStorage,
  openReplica,
  type RegisterPartition,
  room,
} from '../../../src/index.ts'
import { manualTime } from '../../support/manual-time.ts'
import { unclosedStorage } from '../../support/unclosed-storage.ts'
import { type User, Users } from '../users.ts'

const here = room('r1')
const definition = defineHistory({ of: Users, versionsMax: 2 })
const right = Date.UTC(2026, 0, 1)
const ahead = right + 3_600_000

interface Opened {
  readonly users: RegisterPartition<User>
  readonly history: History<User>
}

/** A function that runs on one storage with the clock at a time, once after the other. */
function machine(): (now: number, fn: (opened: Opened) => void) => Promise<void> {
  const storage = createMemoryStorage()
  return async (now, fn) => {
    const time = manualTime(now)
    const replica = await openReplica({ actor: 'ann', storage: unclosedStorage(storage), time })
    const users = await replica.open(here, Users)
    fn({ users, history: await openHistory(replica, here, definition, { time }) })
    await replica.close()
  }
}

it('keeps the version that is taken, though those that are there seem newer', async () => {
  const run = machine()
  await run(ahead, ({ history }) => {
    history.snapshot('one')
    history.snapshot('two')
  })
  await run(right, ({ history }) => {
    const { id } = history.snapshot('three')
    expect(history.versions().map(({ name }) => name)).toEqual(['two', 'three'])
    expect(history.at(id).size).toBe(0)
  })
})

it('takes no write for concurrent that was built on a rollback with a later stamp', async () => {
  const run = machine()
  await run(ahead, ({ users, history }) => {
    users.set('a', { name: 'A' })
    history.snapshot('before')
    users.set('a', { name: 'AA' })
    history.rollback('before')
    users.set('a', { name: 'built on the rollback' })
  })
  await run(right, ({ users, history }) => {
    users.set('a', { name: 'built on that' })
    expect(history.reversals().map(({ concurrent }) => concurrent)).toEqual([[]])
  })
})
