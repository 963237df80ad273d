/** Blobs of replicas: put on this disk, handed to the relay, fetched on demand, from peers too. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { equalBytes } from '../../src/base/bytes.ts'
import {
  type BlobRef,
  createMemoryNetwork,
  createMemoryStorage,
  definePartition,
  openReplica,
  type Replica,
  room,
} from '../../src/index.ts'
import { chunkBytes } from '../../src/storage/blobs/blob-ref.ts'
import { openLevelStorage } from '../../src/storage/level-storage.ts'
import { content } from '../support/content.ts'
import { gatedStorage } from '../support/gated-storage.ts'
import { manualTime } from '../support/manual-time.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { waitUntil } from '../support/wait-until.ts'
import { startFleet } from './fleet.ts'

const Files = definePartition<{ name: string; body: BlobRef }>({
  name: 'files',
  policy: 'last-write-wins',
})
const scope = room('r1')

async function putFile(replica: Replica, name: string, bytes: Uint8Array): Promise<BlobRef> {
  const files = await replica.open(scope, Files)
  const body = await replica.blobs.of(scope, Files).put(bytes)
  files.set(name, { name, body })
  return body
}

async function readFile(replica: Replica, name: string): Promise<Uint8Array> {
  const files = await replica.open(scope, Files)
  await waitUntil(() => files.get(name) !== undefined)
  return replica.blobs.of(scope, Files).get(files.get(name)?.body)
}

describe('a blob that one replica puts', () => {
  it.each([100, chunkBytes + 1, 5 * chunkBytes + 3])(
    'of %i bytes is read by another, through the relay, and from its own disk then',
    async bytes => {
      const fleet = await startFleet()
      const [ann, bob] = [await fleet.open('ann'), await fleet.open('bob')]
      const ref = await putFile(ann, 'report', content(bytes))
      expect(equalBytes(await readFile(bob, 'report'), content(bytes))).toBe(true)
      bob.disconnect()
      expect(equalBytes(await bob.blobs.of(scope, Files).get(ref), content(bytes))).toBe(true)
    },
  )

  it('is at the relay when flush resolves: its writer may be gone', async () => {
    const fleet = await startFleet()
    const ann = await fleet.open('ann')
    await putFile(ann, 'report', content(700_000))
    await ann.flush()
    await ann.close()
    expect(equalBytes(await readFile(await fleet.open('bob'), 'report'), content(700_000))).toBe(
      true,
    )
  })

  it('while offline is read here, and handed over later, after a restart too', async () => {
    const fleet = await startFleet()
    const location = await temporaryDirectory()
    const offline = await fleet.open('ann', { storage: await openLevelStorage({ location }) })
    offline.disconnect()
    const ref = await putFile(offline, 'report', content(400_000))
    expect(equalBytes(await offline.blobs.of(scope, Files).get(ref), content(400_000))).toBe(true)
    await offline.close()
    const again = await fleet.open('ann', { storage: await openLevelStorage({ location }) })
    await again.synced()
    expect(equalBytes(await readFile(await fleet.open('bob'), 'report'), content(400_000))).toBe(
      true,
    )
  })

  it('comes back to a relay that lost its disk', async () => {
    const fleet = await startFleet()
    const ann = await fleet.open('ann')
    await putFile(ann, 'report', content(300_000))
    await ann.flush()
    fleet.cut()
    await fleet.restartRelay(createMemoryStorage())
    ann.connect()
    expect(equalBytes(await readFile(await fleet.open('bob'), 'report'), content(300_000))).toBe(
      true,
    )
  })

  it('is handed over where a link comes up while that is under way', async () => {
    const fleet = await startFleet()
    const storage = gatedStorage(createMemoryStorage())
    const [ann, bob] = [await fleet.open('ann', { storage }), await fleet.open('bob')]
    await ann.synced()
    await putFile(ann, 'report', content(700_000))
    storage.hold() // that the relay has it cannot be noted yet
    expect(equalBytes(await readFile(bob, 'report'), content(700_000))).toBe(true)
    fleet.cut()
    ann.connect()
    await ann.synced()
    storage.release()
    await ann.flush()
  })

  it('is fetched once, however many ask', async () => {
    const fleet = await startFleet()
    const [ann, bob] = [await fleet.open('ann'), await fleet.open('bob')]
    const ref = await putFile(ann, 'report', content(600_000))
    await ann.flush()
    const blobs = bob.blobs.of(scope, Files)
    const all = await Promise.all(Array.from({ length: 20 }, () => blobs.get(ref)))
    for (const one of all) expect(equalBytes(one, content(600_000))).toBe(true)
    ;(all[0] as Uint8Array).fill(0)
    expect(equalBytes(await blobs.get(ref), content(600_000))).toBe(true)
  })

  it('reaches a peer without any relay', async () => {
    const network = createMemoryNetwork()
    const open = async (actor: string, peers: string[]) => {
      const replica = await openReplica({
        actor,
        storage: createMemoryStorage(),
        transport: network,
        listen: network.acceptor(`memory:${actor}`),
        peers,
      })
      onTestFinished(() => replica.close())
      return replica
    }
    const ann = await open('ann', [])
    const bob = await open('bob', ['memory:ann'])
    await putFile(ann, 'report', content(600_000))
    expect(equalBytes(await readFile(bob, 'report'), content(600_000))).toBe(true)
  })
})

describe('a blob that nobody has', () => {
  it('is missing at once where there is no link', async () => {
    const replica = await openReplica({ actor: 'ann', storage: createMemoryStorage() })
    const blobs = replica.blobs.of(scope, Files)
    const ref = { blob: `sha256:${'0'.repeat(64)}`, bytes: 5 }
    await expect(blobs.get(ref)).rejects.toMatchObject({ code: 'BLOB_MISSING' })
    await expect(blobs.get('no reference')).rejects.toMatchObject({ code: 'VALUE_INVALID' })
    expect(await blobs.has(ref)).toBe(false)
    await replica.close()
    await expect(blobs.get(ref)).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('is waited for while its writer hands it over', async () => {
    const fleet = await startFleet()
    const [ann, bob] = [await fleet.open('ann'), await fleet.open('bob')]
    const body = content(50_000)
    const probe = await openReplica({ actor: 'x', storage: createMemoryStorage() })
    const ref = await probe.blobs.of(scope, Files).put(body)
    await probe.close()
    const reading = bob.blobs.of(scope, Files).get(ref)
    await ann.blobs.of(scope, Files).put(body)
    expect(equalBytes(await reading, body)).toBe(true)
  })
})

describe('collecting at a replica', () => {
  it('keeps what its documents refer to', async () => {
    const time = manualTime()
    const options = { actor: 'ann', storage: createMemoryStorage(), time }
    const replica = await openReplica({ ...options, blobGraceMilliseconds: 0 })
    const ref = await putFile(replica, 'report', content(1000))
    const stray = await replica.blobs.of(scope, Files).put(content(2000))
    await replica.flush({ level: 'local' })
    time.advance(1)
    expect(await replica.blobs.collect()).toEqual({ kept: 1, removed: 1, removedBytes: 2000 })
    expect(equalBytes(await replica.blobs.of(scope, Files).get(ref), content(1000))).toBe(true)
    expect(await replica.blobs.of(scope, Files).has(stray)).toBe(false)
    await replica.close()
  })
})
