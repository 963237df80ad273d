/** Replicas that know a relay and nothing else: they link directly, and go on when it is gone. */
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Grant, mintToken, type Replica, tokenVerifier } from '../../src/index.ts'
import type { IntroducedPeer } from '../../src/protocol/frame.ts'
import { frameClient, hello } from '../server/frame-client.ts'
import { runningRelay } from '../server/running-relay.ts'
import { startRelayProcess } from '../support/relay-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { waitUntil } from '../support/wait-until.ts'
import { linked, Notes, openPeer, scope, seconds } from './peers.ts'

const secret = 'a secret of more than thirty-two bytes'

/** Whether all reach one another over direct links. */
function isOneMesh(replicas: readonly Replica[]): boolean {
  const byAddress = new Map(replicas.map(replica => [replica.addresses[0], replica]))
  const reached = new Set<Replica>(replicas.slice(0, 1))
  for (const replica of reached) {
    for (const { state, address } of replica.status.peers) {
      const peer = byAddress.get(address)
      if (state === 'linked' && peer !== undefined) reached.add(peer)
    }
  }
  return reached.size === replicas.length
}

describe('replicas that listen and share a relay with discovery', () => {
  it('form a mesh, and go on syncing when the relay is killed', async () => {
    const data = await temporaryDirectory()
    const relay = await startRelayProcess({ data, flags: ['--discovery'] })
    onTestFinished(async () => void (await relay.kill('SIGKILL')))
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const fleet = await Promise.all(
      names.map(name => openPeer(name, { relay: relay.url, discovery: true })),
    )
    const notes = await Promise.all(fleet.map(replica => replica.open(scope, Notes)))
    await waitUntil(() => isOneMesh(fleet))
    await relay.kill('SIGKILL')
    for (const [index, name] of names.entries()) notes[index]?.set(name, 'is here')
    await waitUntil(() => notes.every(({ size }) => size === names.length))
    await waitUntil(() => fleet.every(({ status }) => status.link !== 'online'))
  })

  it('hear of one that comes later, and of none that has not asked for it', async () => {
    const { url } = await runningRelay({ discovery: true })
    const a = await openPeer('a', { relay: url, discovery: true })
    const quiet = await openPeer('quiet', { relay: url })
    await Promise.all([a.synced(seconds), quiet.synced(seconds)])
    const later = await openPeer('later', { relay: url, discovery: true, listen: [] })
    await waitUntil(() => linked(later).length === 1 && linked(a).length === 1)
    expect(linked(quiet)).toEqual([])
  })

  it('are introduced by no relay that was not told to', async () => {
    const { url } = await runningRelay()
    const both = await Promise.all(
      ['a', 'b'].map(name => openPeer(name, { relay: url, discovery: true })),
    )
    await Promise.all(both.map(replica => replica.synced(seconds)))
    expect(both.map(replica => replica.status.peers)).toEqual([[], []])
  })

  it('need a relay', async () => {
    await expect(openPeer('a', { discovery: true })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
    })
  })
})

describe('replicas with tokens', () => {
  const tokens = tokenVerifier({ secret })
  const trusted = async (url: string, subject: string, scope: string) => {
    const grants: Grant[] = [{ scope, partition: '*', rights: 'write' }]
    const token = await mintToken(secret, { subject, grants, seconds: 60 })
    return openPeer(subject, { relay: url, discovery: true, tokens, token })
  }

  it('are told of those with whom they may share a document, by the names of their tokens', async () => {
    const { url } = await runningRelay({ discovery: true, tokens })
    const ann = await trusted(url, 'ann', 'room:r1')
    const eve = await trusted(url, 'eve', 'room:r2')
    const bob = await trusted(url, 'bob', 'room:*')
    const subjects = ({ status }: Replica) => status.peers.map(({ subject }) => subject).sort()
    await waitUntil(() => linked(bob).length === 2)
    // Each end of a link learns of it by itself, and both may have dialled.
    const known = [['bob'], ['bob'], ['ann', 'eve']]
    await waitUntil(() => isDeepStrictEqual([ann, eve, bob].map(subjects), known))
  })

  it('get of a peer that was introduced what its token opens, and no more', async () => {
    const { url, server } = await runningRelay({ discovery: true, tokens })
    const ann = await trusted(url, 'ann', 'room:r1')
    const bob = await trusted(url, 'bob', 'room:r1/message:m')
    await waitUntil(() => linked(ann).length === 1)
    await server.close()
    const [ofAnn, ofBob] = [await ann.open(scope, Notes), await bob.open(scope, Notes)]
    const [shared, sharedOfBob] = [
      await ann.open(scope.message('m'), Notes),
      await bob.open(scope.message('m'), Notes),
    ]
    ofAnn.set('k', 'secret')
    shared.set('k', 'v')
    await waitUntil(() => sharedOfBob.get('k') === 'v')
    expect(ofBob.size).toBe(0)
  })
})

describe('a client of a relay with discovery', () => {
  const own: IntroducedPeer = { store: 's', address: 'ws://x', subject: '' }

  it.each<[string, IntroducedPeer[]]>([
    ['names several', [own, { ...own, store: 't' }]],
    ['names nobody', []],
    ['claims a subject', [{ ...own, subject: 'ann' }]],
    ['has a long name', [{ ...own, address: 'x'.repeat(2_000) }]],
  ])('that %s is cut off, and nobody hears of it', async (_, peers) => {
    const { url } = await runningRelay({ discovery: true })
    const [bad, good] = [await frameClient(url), await frameClient(url)]
    good.send({ type: 'introduce', peers: [{ ...own, store: 'good' }] })
    await good.settled()
    bad.send({ type: 'introduce', peers })
    expect(await bad.closed).toBe(4400)
    await good.settled()
    expect(good.all('introduce')).toEqual([])
  })

  it('is told of some of many, and of none whose link has ended', async () => {
    const { url } = await runningRelay({ discovery: true })
    const clients = await Promise.all(Array.from({ length: 40 }, () => frameClient(url, hello)))
    for (const [index, client] of clients.entries()) {
      client.send({ type: 'introduce', peers: [{ ...own, store: `s${index}` }] })
      await client.settled()
    }
    for (const [index, client] of clients.entries()) {
      if (index === 0) continue
      client.webSocket.close()
      await client.closed
    }
    const last = await frameClient(url)
    const others = await Promise.all([frameClient(url), frameClient(url)])
    others[0]?.send({ type: 'introduce', peers: [{ ...own, store: 'o' }] })
    await others[0]?.settled()
    last.send({ type: 'introduce', peers: [{ ...own, store: 'last', address: '' }] })
    await last.settled()
    const told = last.all('introduce').flatMap(({ peers }) => peers.map(({ store }) => store))
    expect(told.sort()).toEqual(['o', 's0'])
    const first = clients[39]?.all('introduce')[0]?.peers ?? []
    expect(first).toHaveLength(16)
    expect(new Set(first.map(({ store }) => store)).size).toBe(16)
  })
})
