/** Peers in processes of their own, on LevelDB: what two nodes have acked outlives any one of them. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { inRepository } from '../support/repository.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { waitUntil } from '../support/wait-until.ts'
import { Notes, openPeer, scope } from './peers.ts'

/** A replica that writes as fast as two nodes ack, and says what they have acked. */
const code = `
import { definePartition, openReplica, room } from ${JSON.stringify(inRepository('dist', 'src', 'index.js'))}
const [name, storage, ...peers] = process.argv.slice(2)
const replica = await openReplica({ actor: name, storage, listen: { port: 0 }, peers })
const notes = await replica.open(room('r1'), definePartition({ name: 'notes', policy: 'last-write-wins' }))
process.send({ address: replica.addresses[0] })
process.on('disconnect', () => process.exit())
for (let write = 1; ; write++) {
  notes.set(name + ' ' + write, 'written')
  await replica.flush({ level: 'replicated', n: 2 })
  process.send({ acked: name + ' ' + write })
}
`

interface Peer {
  readonly child: ChildProcess
  readonly storage: string
  readonly address: string
  readonly acked: string[]
}

async function startPeer(directory: string, name: string, addresses: string[]): Promise<Peer> {
  const storage = join(directory, name)
  const child = fork(join(directory, 'peer.mjs'), [name, storage, ...addresses], { execArgv: [] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const acked: string[] = []
  let address = ''
  child.on('message', (message: { address?: string; acked?: string }) => {
    if (message.address !== undefined) address = message.address
    if (message.acked !== undefined) acked.push(message.acked)
  })
  await waitUntil(() => address !== '')
  return { child, storage, address, acked }
}

describe('killing one of three peers, its disk with it', () => {
  it.each([0, 1, 2])('loses nothing that two had acked: number %i', async index => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'peer.mjs'), code)
    const peers: Peer[] = []
    for (const name of ['a', 'b', 'c']) {
      peers.push(
        await startPeer(
          directory,
          name,
          peers.map(({ address }) => address),
        ),
      )
    }
    await waitUntil(() => peers.every(({ acked }) => acked.length >= 20))
    const [victim] = peers.splice(index, 1) as [Peer]
    victim.child.kill('SIGKILL')
    await once(victim.child, 'exit')
    await rm(victim.storage, { recursive: true, force: true })
    const acked = [...victim.acked, ...peers.flatMap(survivor => survivor.acked)]

    const reader = await openPeer('reader', { peers: peers.map(({ address }) => address) })
    const notes = await reader.open(scope, Notes)
    await waitUntil(() => acked.every(key => notes.has(key)))
    expect(acked.length).toBeGreaterThanOrEqual(60)
  })
})
