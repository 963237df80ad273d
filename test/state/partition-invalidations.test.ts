/** Layered stores of several replicas that tell one another of writes through a partition. */
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  agent,
  type LayeredStore,
  openLayeredStore,
  openPartitionInvalidations,
  type Replica,
} from '../../src/index.ts'
import { stampAt } from '../contracts/layer.ts'
import { startFleet } from '../replica/fleet.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { waitUntil } from '../support/wait-until.ts'

const scope = agent('team')

async function storeOf(replica: Replica, name: string, level?: string): Promise<LayeredStore> {
  const invalidations = await openPartitionInvalidations(replica, scope, name)
  const store = await openLayeredStore({ invalidations, ...(level !== undefined && { level }) })
  onTestFinished(() => store.close())
  return store
}

describe('stores that share a partition', () => {
  it('forget their copies when another writes, removes or invalidates', async () => {
    const fleet = await startFleet()
    const [ann, bob] = [await fleet.open('ann'), await fleet.open('bob')]
    const ofAnn = await storeOf(ann, 'ann')
    const ofBob = await storeOf(bob, 'bob', await temporaryDirectory())
    for (const key of ['user:1', 'user:2', 'room:1']) {
      await ofBob.set(key, 'copy', { persistent: true })
    }
    await ann.synced()
    await ofAnn.set('user:1', 'newer')
    await waitUntil(async () => (await ofBob.get('user:1')) === undefined)
    await ofAnn.invalidate('u*')
    await waitUntil(async () => (await ofBob.get('user:2')) === undefined)
    expect(ofAnn.peek('user:1')).toBeUndefined()
    expect(await ofBob.get('room:1')).toBe('copy')
    expect(await ofBob.keys()).toEqual(['room:1'])
  })

  it('catch up after they were cut off', async () => {
    const fleet = await startFleet()
    const [ann, bob] = [await fleet.open('ann'), await fleet.open('bob')]
    const [ofAnn, ofBob] = [await storeOf(ann, 'ann'), await storeOf(bob, 'bob')]
    await ofBob.set('key', 'copy')
    bob.disconnect()
    await ofAnn.delete('key')
    for (let index = 0; index < 10; index++) await ofAnn.set(`other${index}`, index)
    expect(ofBob.peek('key')).toBe('copy')
    bob.connect()
    await waitUntil(() => ofBob.peek('key') === undefined)
    const later = await storeOf(ann, 'ann again')
    await later.set('key', 'mine')
    const written = Date.now() // within one millisecond neither write would be the later one
    await waitUntil(() => Date.now() > written)
    await ofBob.set('key', 'newest')
    await waitUntil(() => later.peek('key') === undefined)
  })

  it('that missed more than is kept empty their memory and say so', async () => {
    const fleet = await startFleet()
    const [ann, bob] = [await fleet.open('ann'), await fleet.open('bob')]
    const ofAnn = await openPartitionInvalidations(ann, scope, 'ann')
    const ofBob = await storeOf(bob, 'bob')
    await ofBob.set('kept?', 'copy')
    const codes: string[] = []
    ofBob.on('warning', ({ code }) => codes.push(code))
    ann.disconnect() // what it writes meanwhile arrives as a whole
    for (let index = 0; index < 300; index++) {
      await ofAnn.announce([{ pattern: `key${index}`, stamp: stampAt(index) }])
    }
    ann.connect()
    await waitUntil(() => codes.length > 0)
    expect(codes).toEqual(['INVALIDATIONS_MISSED'])
    expect(ofBob.peek('kept?')).toBeUndefined()
  })
})
