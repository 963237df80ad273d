/** Documents that differ although nothing is under way are found, mended where that can be, and named. */
import { describe, expect, it, onTestFinished } from 'vitest'
import * as Y from 'yjs'
import { ReplicaDocument } from '../../src/document/replica-document.ts'
import {
  createMemoryNetwork,
  createMemoryStorage,
  definePartition,
  openReplica,
  type Storage,
} from '../../src/index.ts'
import { manualTime } from '../support/manual-time.ts'
import { waitUntil } from '../support/wait-until.ts'
import { linked, scope } from './peers.ts'

const Native = definePartition({ name: 'notes', policy: 'crdt' })

/** What a client wrote that says something else on each disk. */
async function storageWith(value: string): Promise<Storage> {
  const doc = new Y.Doc()
  doc.clientID = 7
  doc.getMap('m').set('k', value)
  const storage = createMemoryStorage()
  await storage.append('room:r1/notes', Y.encodeStateAsUpdate(doc))
  return storage
}

async function openPair(storages: readonly [Storage, Storage]) {
  const network = createMemoryNetwork()
  const time = manualTime()
  const warnings: string[] = []
  const open = async (actor: string, storage: Storage, options: object) => {
    const replica = await openReplica({ actor, storage, transport: network, time, ...options })
    onTestFinished(() => replica.close())
    replica.on('warning', ({ code, message }) => warnings.push(`${actor}: ${code} ${message}`))
    return { replica, doc: (await replica.open(scope, Native)).doc }
  }
  const a = await open('a', storages[0], { listen: network.acceptor('memory:a') })
  const b = await open('b', storages[1], { peers: ['memory:a'] })
  await waitUntil(() => linked(a.replica).length === 1)
  /** Lets minutes pass, with all that they bring. */
  const pass = async (minutes: number) => {
    for (let second = 0; second < minutes * 60; second++) {
      time.advance(1_000)
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  return { a, b, warnings, pass }
}

describe('two replicas', () => {
  it('name a document that differs under equal state vectors, once', async () => {
    const storages = [await storageWith('one'), await storageWith('two')] as const
    const { warnings, pass } = await openPair(storages)
    await pass(6)
    const named = warnings.filter(warning => warning.includes('CONTENT_DIVERGED room:r1/notes'))
    expect(named.length).toBeGreaterThan(0)
    expect(named.length).toBeLessThanOrEqual(2)
    expect(named).toEqual(warnings)
  })

  it('mend a deletion that one of them has missed, and say nothing', async () => {
    const { a, b, warnings, pass } = await openPair([createMemoryStorage(), createMemoryStorage()])
    a.doc.getMap('m').set('k', 'v')
    await waitUntil(() => b.doc.getMap('m').get('k') === 'v')
    const { apply } = ReplicaDocument.prototype
    onTestFinished(() => {
      ReplicaDocument.prototype.apply = apply
    })
    let missed = 0
    ReplicaDocument.prototype.apply = () => {
      missed += 1
      return 'new' // as if it had taken it in
    }
    a.doc.getMap('m').delete('k')
    await waitUntil(() => missed > 0)
    ReplicaDocument.prototype.apply = apply
    expect(b.doc.getMap('m').get('k')).toBe('v')
    await pass(3)
    expect(b.doc.getMap('m').has('k')).toBe(false)
    expect(warnings).toEqual([])
  })

  it('are quiet when they agree', async () => {
    const { a, b, warnings, pass } = await openPair([createMemoryStorage(), createMemoryStorage()])
    for (let round = 0; round < 3; round++) {
      a.doc.getMap('m').set(`a ${round}`, round)
      b.doc.getMap('m').set(`b ${round}`, round)
      await pass(2)
    }
    expect(warnings).toEqual([])
  })
})
