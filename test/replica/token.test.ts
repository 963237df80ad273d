import { describe, expect, onTestFinished, test } from 'vitest'
import type { TimeSource } from '../../src/base/time.ts'
import {
  createMemoryStorage,
  definePartition,
  openReplica,
  type Replica,
  type ReplicaOptions,
  room,
} from '../../src/index.ts'
import { mintToken, tokenVerifier } from '../../src/trust/token.ts'
import { runningRelay } from '../server/running-relay.ts'
import { countingVerifier } from '../support/counting-verifier.ts'
import { manualTime } from '../support/manual-time.ts'
import { waitUntil } from '../support/wait-until.ts'

const secret = 'a secret of more than thirty-two bytes'
const Users = definePartition<string>({ name: 'users', policy: 'last-write-wins' })

function mint(rights: 'read' | 'write', seconds = 60, time?: TimeSource): Promise<string> {
  const grants = [{ scope: 'room:r1', partition: '*', rights }]
  return mintToken(secret, { subject: 'agent-7', grants, seconds, ...(time && { time }) })
}

async function replicaOf(
  relay: string,
  token: ReplicaOptions['token'],
  time?: TimeSource,
): Promise<Replica> {
  const replica = await openReplica({
    actor: 'agent-7',
    storage: createMemoryStorage(),
    relay,
    ...(token !== undefined && { token }),
    ...(time && { time }),
  })
  onTestFinished(() => replica.close())
  return replica
}

const tokens = tokenVerifier({ secret })

describe('a replica with a token', () => {
  test('opens what it grants, and is told of what it does not', async () => {
    const { url } = await runningRelay({ tokens })
    const replica = await replicaOf(url, await mint('write'))
    const users = await replica.open(room('r1'), Users)
    users.set('a', '1')
    await replica.flush()
    const rejected = new Promise(resolve => replica.on('rejected', resolve))
    const others = await replica.open(room('r2'), Users)
    others.set('a', '1')
    expect(await rejected).toMatchObject({
      document: 'room:r2/users',
      error: { code: 'ACCESS_DENIED' },
    })
    await expect(replica.flush()).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  })

  test('that may only read goes on reading after a write that was refused', async () => {
    const { url } = await runningRelay({ tokens })
    const reader = await (await replicaOf(url, await mint('read'))).open(room('r1'), Users)
    const writing = await replicaOf(url, await mint('write'))
    const users = await writing.open(room('r1'), Users)
    users.set('a', '1')
    await waitUntil(() => reader.get('a') === '1')
    reader.set('b', 'not for others')
    users.set('c', '3')
    await waitUntil(() => reader.get('c') === '3')
    await writing.synced()
    expect(users.has('b')).toBe(false)
  })

  test('whose flush waits for a write that is refused says so', async () => {
    const { url } = await runningRelay({ tokens })
    const replica = await replicaOf(url, await mint('read'))
    const users = await replica.open(room('r1'), Users)
    users.set('a', '1')
    await expect(replica.flush()).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    await replica.synced()
  })

  test('gives up when the relay does not like it', async () => {
    const { url } = await runningRelay({ tokens })
    const replica = await replicaOf(url, await mint('write', -1))
    await waitUntil(() => replica.status.link === 'refused')
    expect(replica.status.error).toMatchObject({ code: 'TOKEN_INVALID' })
  })

  test('without one is refused', async () => {
    const { url } = await runningRelay({ tokens })
    const replica = await replicaOf(url, undefined)
    await waitUntil(() => replica.status.link === 'refused')
    expect(replica.status.error).toMatchObject({ code: 'TOKEN_INVALID' })
  })
})

describe('a function that gives tokens', () => {
  test('is asked at every dial, until the relay likes what it gives', async () => {
    const { url } = await runningRelay({ tokens })
    let asked = 0
    const replica = await replicaOf(url, () => {
      asked += 1
      return asked < 3 ? 'not a token' : mint('write')
    })
    await replica.open(room('r1'), Users)
    await replica.synced()
    expect(asked).toBe(3)
  })

  test('that fails is asked again', async () => {
    const { url } = await runningRelay({ tokens })
    let asked = 0
    const replica = await replicaOf(url, async () => {
      asked += 1
      if (asked === 1) throw new Error('the identity service is down')
      return mint('write')
    })
    await replica.open(room('r1'), Users)
    await replica.synced()
    expect(asked).toBe(2)
  })

  test('keeps one link up beyond the end of a token', async () => {
    const time = manualTime()
    const tokens = countingVerifier(tokenVerifier({ secret }, { time }))
    const { url, events } = await runningRelay({ tokens, time })
    let asked = 0
    const giveToken = () => {
      asked += 1
      return mint('write', 60, time)
    }
    const replica = await replicaOf(url, giveToken, time)
    const users = await replica.open(room('r1'), Users)
    await replica.synced()
    for (let second = 0; second < 180; second++) {
      await time.advanceAsync(1_000)
      await replica.synced() // there and back
      await waitUntil(() => tokens.verified === asked)
    }
    expect(asked).toBeGreaterThanOrEqual(4)
    users.set('a', '1')
    await replica.flush()
    expect(events.filter(({ event }) => event === 'connected')).toHaveLength(1)
    expect(events.filter(({ event }) => event === 'disconnected')).toHaveLength(0)
  })
})
