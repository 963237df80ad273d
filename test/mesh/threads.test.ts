/** Replicas of one machine: in worker threads and child processes, linked over their ports. */
import { fork } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createPortNetwork } from '../../src/index.ts'
import { inRepository } from '../support/repository.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { waitUntil } from '../support/wait-until.ts'
import { linked, Notes, openPeer, scope, seconds } from './peers.ts'

/** A replica at the other end of a port: it says hello, and answers every greeting. */
const code = (port: string) => `
import { parentPort } from 'node:worker_threads'
import { createMemoryStorage, createPortNetwork, definePartition, openReplica, room }
  from ${JSON.stringify(inRepository('dist', 'src', 'index.js'))}
const replica = await openReplica({
  actor: 'child',
  storage: createMemoryStorage(),
  peers: [{ address: 'port:parent', transport: createPortNetwork(${port}) }],
})
const notes = await replica.open(room('r1'), definePartition({ name: 'notes', policy: 'last-write-wins' }))
notes.set('hello', 'from the child')
notes.subscribe(changes => {
  for (const { key, value, origin } of changes) {
    if (origin === 'remote') notes.set('answer to ' + key, value)
  }
})
`

async function codeFile(port: string): Promise<string> {
  const path = join(await temporaryDirectory(), 'child.mjs')
  await writeFile(path, code(port))
  return path
}

describe('a replica in another thread', () => {
  it('is a peer over a message port, until the thread ends', async () => {
    const worker = new Worker(await codeFile('parentPort'))
    onTestFinished(async () => void (await worker.terminate()))
    const replica = await openPeer('parent', { listen: createPortNetwork(worker) })
    const notes = await replica.open(scope, Notes)
    notes.set('greeting', 'hi')
    await replica.flush({ level: 'replicated', n: 2, ...seconds })
    await waitUntil(() => notes.get('answer to greeting') === 'hi')
    expect(notes.get('hello')).toBe('from the child')
    await worker.terminate()
    await waitUntil(() => linked(replica).length === 0)
  })
})

describe('a replica in a child process', () => {
  it('is a peer over the channel of the process, until that ends', async () => {
    const child = fork(await codeFile('process'), { serialization: 'advanced', execArgv: [] })
    onTestFinished(() => void child.kill('SIGKILL'))
    const replica = await openPeer('parent', { listen: createPortNetwork(child) })
    const notes = await replica.open(scope, Notes)
    notes.set('greeting', 'hi')
    await replica.flush({ level: 'replicated', n: 2, ...seconds })
    await waitUntil(() => notes.get('answer to greeting') === 'hi')
    child.kill('SIGKILL')
    await waitUntil(() => linked(replica).length === 0)
  })
})
