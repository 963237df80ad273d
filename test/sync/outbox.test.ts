/** What a replica remembers that it owes, and when that reaches the disk. */
import { expect, it } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { Journal } from '../../src/document/journal.ts'
import { documentName } from '../../src/model/document-name.ts'
import { room } from '../../src/model/scope.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import { openOutbox } from '../../src/sync/outbox.ts'
import { manualTime } from '../support/manual-time.ts'

const users = documentName(room('r1'), 'users')

async function open() {
  const memory = createMemoryStorage()
  let writes = 0
  const storage = {
    ...memory,
    records: memory.records.bind(memory),
    writeRecord(key: string, value: Uint8Array | undefined) {
      writes += 1
      return memory.writeRecord(key, value)
    },
  }
  const time = manualTime()
  const random = seededRandom(1)
  const journal = new Journal({
    ...{ time, random },
    onError: error => expect.unreachable(error.message),
  })
  const outbox = await openOutbox({ storage, journal, time })
  /** What another process would find. */
  const stored = async () => {
    await journal.whenDurable()
    return [...(await openOutbox({ storage, journal, time })).names]
  }
  return { outbox, time, stored, writes: () => writes }
}

it('is on disk from the first change on, and until it was owed no more for a while', async () => {
  const { outbox, time, stored } = await open()
  outbox.add(users)
  expect(await stored()).toEqual([users])
  outbox.remove(users)
  expect(outbox.names.size).toBe(0)
  await time.advanceAsync(900)
  expect(await stored()).toEqual([users])
  await time.advanceAsync(200)
  expect(await stored()).toEqual([])
  outbox.add(users)
  expect(await stored()).toEqual([users])
})

it('costs a steady writer nothing, and stays on disk while it writes', async () => {
  const { outbox, time, stored, writes } = await open()
  for (let round = 0; round < 10; round += 1) {
    outbox.add(users)
    outbox.remove(users)
    await time.advanceAsync(500)
  }
  outbox.add(users)
  await time.advanceAsync(5_000)
  expect(await stored()).toEqual([users])
  expect(writes()).toBe(1)
})

it('is as it was left when the replica is closed', async () => {
  const { outbox, stored } = await open()
  outbox.add(users)
  outbox.remove(users)
  outbox.close()
  expect(await stored()).toEqual([])
})
