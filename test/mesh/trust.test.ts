/** Peers that hold one another to signed tokens, and keep to what these grant. */
import { createServer } from 'node:https'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  createMemoryStorage,
  type Grant,
  mintToken,
  openReplica,
  type Replica,
  type ReplicaOptions,
  room,
  tokenVerifier,
} from '../../src/index.ts'
import { countingVerifier } from '../support/counting-verifier.ts'
import { manualTime } from '../support/manual-time.ts'
import { waitUntil } from '../support/wait-until.ts'
import { cert, key } from './certificate.ts'
import { linked, Notes, openPeer, scope, seconds } from './peers.ts'

const secret = 'a secret of more than thirty-two bytes'
const tokens = tokenVerifier({ secret })
const everything: Grant = { scope: 'global', partition: '*', rights: 'write' }

const mint = (subject: string, grant: Grant = everything) =>
  mintToken(secret, { subject, grants: [grant], seconds: 60 })

async function openTrusted(
  actor: string,
  grant: Grant = everything,
  options: Partial<ReplicaOptions> = {},
): Promise<Replica> {
  return openPeer(actor, { tokens, token: await mint(actor, grant), ...options })
}

/** Why a replica has no link to the only peer that it looks for. */
const refusal = (replica: Replica) => replica.status.peers[0]?.error?.code

describe('peers with tokens', () => {
  it('know one another, whoever dialled', async () => {
    const a = await openTrusted('a')
    const b = await openTrusted('b', everything, { peers: a.addresses })
    const [ofA, ofB] = [await a.open(scope, Notes), await b.open(scope, Notes)]
    ofA.set('k', 'v')
    await a.flush({ level: 'replicated', n: 2, ...seconds })
    expect(ofB.get('k')).toBe('v')
    expect(a.status.peers).toMatchObject([{ state: 'linked', subject: 'b' }])
    expect(b.status.peers).toMatchObject([{ state: 'linked', subject: 'a' }])
  })

  it('let nobody in without one, nor show their own to such', async () => {
    const a = await openTrusted('a')
    ;(await a.open(scope, Notes)).set('k', 'secret')
    const stranger = await openPeer('x', { peers: a.addresses })
    const ofStranger = await stranger.open(scope, Notes)
    await waitUntil(() => refusal(stranger) === 'TOKEN_INVALID')
    expect(ofStranger.size).toBe(0)
    expect(linked(a)).toEqual([])
  })

  it('do not talk to an address where nobody shows one', async () => {
    const stranger = await openPeer('x')
    const ofStranger = await stranger.open(scope, Notes)
    const a = await openTrusted('a', everything, { peers: stranger.addresses })
    ;(await a.open(scope, Notes)).set('k', 'secret')
    const codes = /TOKEN_INVALID|FRAME_INVALID|LINK_FAILED/
    await waitUntil(() => codes.test(refusal(a) ?? '')) // which it is not while it dials again
    expect(ofStranger.size).toBe(0)
    expect(linked(a)).toEqual([])
  })

  it('neither get nor give what the grants of the other do not open', async () => {
    const a = await openTrusted('a')
    const b = await openTrusted(
      'b',
      { scope: 'room:r1', partition: '*', rights: 'write' },
      {
        peers: a.addresses,
      },
    )
    const [open, closed] = [await a.open(scope, Notes), await a.open(room('r2'), Notes)]
    const [ofB, deniedToB] = [await b.open(scope, Notes), await b.open(room('r2'), Notes)]
    open.set('k', 'v')
    closed.set('k', 'of a')
    deniedToB.set('l', 'of b')
    await waitUntil(() => ofB.get('k') === 'v')
    await b.synced(seconds)
    expect([...closed.keys()]).toEqual(['k'])
    expect([...deniedToB.keys()]).toEqual(['l'])
  })

  it('take nothing from one that may only read, and go on serving it', async () => {
    const a = await openTrusted('a')
    const reader = await openTrusted(
      'r',
      { scope: 'global', partition: '*', rights: 'read' },
      {
        peers: a.addresses,
      },
    )
    const [ofA, ofReader] = [await a.open(scope, Notes), await reader.open(scope, Notes)]
    ofA.set('k', 'v')
    await waitUntil(() => ofReader.get('k') === 'v')
    ofA.delete('k')
    const rejected = new Promise(resolve => reader.on('rejected', resolve))
    ofReader.set('mine', 'x')
    expect(await rejected).toMatchObject({ error: { code: 'ACCESS_DENIED' } })
    ofA.set('l', 'w')
    await waitUntil(() => ofReader.get('l') === 'w')
    expect(ofA.has('mine')).toBe(false)
  })

  it('are cut off at once when their tokens are taken back, and stay so', async () => {
    const storage = createMemoryStorage()
    const a = await openTrusted('a', everything, { storage })
    const b = await openTrusted('b', everything, { peers: a.addresses })
    await waitUntil(() => linked(a).length === 1)
    await a.revoke({ subject: 'b' })
    await waitUntil(() => refusal(b) === 'ACCESS_DENIED')
    expect(linked(a)).toEqual([])
    b.connect()
    await waitUntil(() => refusal(b) === 'ACCESS_DENIED')
  })

  it('ask for a fresh token in time, and go on with it', async () => {
    const time = manualTime()
    const tokens = tokenVerifier({ secret }, { time })
    const counting = countingVerifier(tokens)
    const mintThen = (subject: string, lifetime: number) =>
      mintToken(secret, { subject, grants: [everything], seconds: lifetime, time })
    let given = 0
    const token = () => {
      given += 1
      return mintThen('b', 60)
    }
    const ofA = await mintThen('a', 3_600)
    const a = await openPeer('a', { time, tokens: counting, token: ofA })
    const b = await openPeer('b', { time, tokens, token, peers: a.addresses })
    await waitUntil(() => linked(b).length === 1)
    for (let second = 0; second < 180; second++) {
      await time.advanceAsync(1_000)
      await b.synced({ from: 'peers' }) // there and back
      await waitUntil(() => counting.verified === given)
      expect(linked(b)).toHaveLength(1)
    }
    expect(given).toBeGreaterThanOrEqual(3)
  })
})

describe('a replica that asks for no tokens', () => {
  it('listens on this machine only, unless it is told that this is meant', async () => {
    const options = { actor: 'a', storage: createMemoryStorage() }
    await expect(
      openReplica({ ...options, listen: { port: 0, host: '0.0.0.0' } }),
    ).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})

describe('a replica with a certificate', () => {
  it('is reached over TLS', async () => {
    const server = createServer({ key, cert })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const a = await openTrusted('a', everything, { listen: { server } })
    expect(a.addresses).toEqual([expect.stringMatching(/^wss:\/\/127\.0\.0\.1:\d+$/)])
    ;(await a.open(scope, Notes)).set('k', 'v')
    // Nobody but this test believes the certificate.
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    onTestFinished(() => void vi.unstubAllEnvs())
    const b = await openTrusted('b', everything, { peers: a.addresses })
    const ofB = await b.open(scope, Notes)
    await waitUntil(() => ofB.get('k') === 'v')
  })
})
