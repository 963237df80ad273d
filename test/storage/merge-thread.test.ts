/** Compaction apart from the process's own thread, and where there is none. */
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { mergeLog } from '../../src/storage/merge-log.ts'
import { MergeThread, mergeLogApart } from '../../src/storage/merge-thread.ts'
import { runScript } from '../support/run-node.ts'

/** A log of one key, overwritten so many times with so many characters. */
function logOf(writes: number, length: number): Uint8Array[] {
  const doc = new Y.Doc()
  const log: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => log.push(update))
  for (let write = 0; write < writes; write++) doc.getMap('m').set('k', `${write}`.padEnd(length))
  return log
}

/** Compacts logs of values of such lengths, and prints of each whether it shrank, and the threads so far. */
const compactions = (...lengths: number[]) => `
  const { createMemoryStorage, definePartition, openReplica, room } = statemesh
  let threads = 0
  process.on('worker', () => threads++)
  const stay = setInterval(() => undefined, 1_000)
  for (const length of ${JSON.stringify(lengths)}) {
    const replica = await openReplica({ actor: 'a', storage: createMemoryStorage() })
    const report = new Promise(resolve => replica.on('compacted', resolve))
    const Users = definePartition({ name: 'users', policy: 'last-write-wins' })
    const users = await replica.open(room('r1'), Users)
    for (let write = 0; write < 600; write++) {
      users.set('alice', 'x'.repeat(length) + write)
      await replica.flush({ level: 'local' })
    }
    const { before, after } = await report
    await replica.close()
    console.log(before.bytes > 10 * after.bytes, threads)
  }
  clearInterval(stay)`

describe('a replica', () => {
  it('merges a long log in a thread, a short one in place, and ends with its process', async () => {
    const outcome = await runScript(compactions(10, 1_000))
    expect(outcome).toEqual({ code: 0, stdout: 'true 0\ntrue 1\n', stderr: '' })
  })
})

describe('where the script of the thread is missing, as in a bundle', () => {
  const long = logOf(400, 1_000)

  it('a log is merged in place', async () => {
    expect(await mergeLogApart(long)).toEqual(mergeLog(long))
    const thread = new MergeThread()
    for (let merge = 0; merge < 2; merge++) expect(await thread.merge(long)).toEqual(mergeLog(long))
    thread.close()
  })

  it('a log that cannot be merged is refused with the same code', async () => {
    const thread = new MergeThread()
    await expect(thread.merge(long.slice(1))).rejects.toMatchObject({ code: 'UPDATE_GAP' })
    await expect(mergeLogApart(long.slice(1))).rejects.toMatchObject({ code: 'UPDATE_GAP' })
    thread.close()
  })
})
