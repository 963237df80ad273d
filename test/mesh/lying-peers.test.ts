/** Peers that announce everything and send nothing of it: they keep nobody from it. */
import { describe, expect, it } from 'vitest'
import { LyingPeer } from '../../simulations/mesh/lying-peer.ts'
import { latencyMilliseconds, type MeshNode, MeshWorld } from '../../simulations/mesh/mesh-world.ts'
import { addressPrefix } from '../../simulations/world/network.ts'
import type { Transport } from '../../src/index.ts'
import { websocketTransport } from '../../src/transport/websocket-transport.ts'
import { testSeed } from '../support/seed.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { waitUntil } from '../support/wait-until.ts'
import { linked, Notes, openPeer, scope } from './peers.ts'

const document = 'room:r1/notes'
const megabyte = 'x'.repeat(1_000_000)

describe.each([
  ['answers pings', true],
  ['answers nothing', false],
])('a peer that lies about what it has and %s', (_, answersPings) => {
  const liarsOn = (transport: Transport) =>
    ['liar 1', 'liar 2'].map(store => new LyingPeer({ transport, store, document, answersPings }))

  it('delays an update of a megabyte by little, over real sockets', async () => {
    const writer = await openPeer('writer')
    const reader = await openPeer('reader')
    const [ofWriter, ofReader] = [await writer.open(scope, Notes), await reader.open(scope, Notes)]
    const liars = liarsOn(websocketTransport())
    for (const liar of liars) {
      for (const { addresses } of [writer, reader]) await liar.join(addresses[0] as string)
      await waitUntil(() => liar.links === 2)
    }
    const storage = await temporaryDirectory()
    const first = await openPeer('helper', { storage, peers: writer.addresses })
    const ofHelper = await first.open(scope, Notes)
    ofWriter.set('large', megabyte)
    await waitUntil(() => ofHelper.has('large'))
    await waitUntil(() => liars.some(({ asked }) => asked > 0))
    expect(ofReader.has('large')).toBe(false)
    await first.close()
    const start = performance.now()
    const second = await openPeer('helper', { storage, peers: reader.addresses })
    await second.open(scope, Notes)
    await waitUntil(() => ofReader.has('large'), { timeout: 30_000 })
    // Two turns; with a pong even these end at once.
    expect(performance.now() - start).toBeLessThan(answersPings ? 5_000 : 8_000)
  }, 40_000)

  it('delays who comes back by no more than two turns, in a mesh of eight', async () => {
    const mesh = new MeshWorld(testSeed())
    await mesh.open(8)
    await mesh.pass(60_000)
    const liars = liarsOn(mesh.strangerTransport('stranger'))
    for (const liar of liars) {
      for (const { name } of mesh.nodes) await mesh.world.settle(liar.join(addressPrefix + name))
    }
    await mesh.pass(1_000)
    const [back, writer, ...others] = mesh.nodes as [MeshNode, MeshNode, ...MeshNode[]]
    mesh.separate([back], [writer, ...others], true)
    for (let passed = 0; passed < 50; passed += 10) {
      await mesh.pass(10_000)
      for (const liar of liars) liar.keepAlive()
    }
    writer.notes.set('large', megabyte)
    const all = () => others.every(({ notes }) => notes.has('large'))
    await mesh.until('the others have it', all)
    expect(back.notes.has('large')).toBe(false)
    mesh.separate([back], [writer, ...others], false)
    const isBack = () => linked(back.replica).some(store => !store.startsWith('liar'))
    await mesh.until('it is back', isBack)
    const milliseconds = await mesh.until('it has it', () => back.notes.has('large'))
    expect(milliseconds / latencyMilliseconds).toBeLessThan(answersPings ? 10 : 310)
    await mesh.close()
  }, 40_000)
})
