/**
 * Peers over real sockets that are silent, slow, flooding, lying or outdated: each costs bounded memory,
 * is named in `health()`, and delays nobody else.
 */
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { concatBytes } from '../../src/base/bytes.ts'
import { type Grant, mintToken, tokenVerifier } from '../../src/index.ts'
import { encodeFrame, type Frame } from '../../src/protocol/frame.ts'
import { type FrameClient, frameClient, hello } from '../server/frame-client.ts'
import { manualTime } from '../support/manual-time.ts'
import { waitUntil } from '../support/wait-until.ts'
import { linked, Notes, openPeer, scope } from './peers.ts'

const windowBytes = 8 * 2 ** 20
const introduction: Frame = { type: 'peer', store: 'evil', address: '', token: '' }
const notes = 'room:r1/notes'
const long = 'x'.repeat(2 ** 19)

/** Two honest replicas, and a client that is linked with the first as a peer that is called `evil`. */
async function meshWith(window = 0) {
  const time = manualTime()
  const a = await openPeer('a', { time })
  const b = await openPeer('b', { peers: a.addresses })
  const [ofA, ofB] = [await a.open(scope, Notes), await b.open(scope, Notes)]
  await waitUntil(() => linked(a).length === 1)
  let rounds = 0
  /** The honest ones go on. */
  const goOn = async (value = 'v') => {
    rounds += 1
    const key = `round ${rounds}`
    ofA.set(key, value)
    await waitUntil(() => ofB.get(key) === value)
  }
  const address = a.addresses[0] as string
  const join = async (): Promise<FrameClient> => {
    const client = await frameClient(address, { ...hello, windowBytes: window })
    client.send(introduction)
    return client
  }
  const evil = await join()
  await waitUntil(() => linked(a).includes('evil'))
  /** Lets time pass as the first one sees it, while the honest ones go on. */
  const pass = async (seconds: number, meanwhile: () => void = () => {}) => {
    for (let passed = 0; passed < seconds; passed += 5) {
      meanwhile()
      await time.advanceAsync(5_000)
      await goOn()
    }
  }
  const queued = () => a.health().figures.queuedBytes ?? 0
  return { a, b, ofA, ofB, evil, join, goOn, pass, queued, time, address }
}

/** Opens the notes as a peer does that has nothing. */
async function exchange(evil: FrameClient): Promise<void> {
  const stateVector = Uint8Array.of(0)
  evil.send({ type: 'open', channel: 1, document: notes, generation: 'g', stateVector })
  await evil.next('state')
}

describe('a peer that', () => {
  it('is silent, and does not even answer a close, is gone and named after 40 s', async () => {
    const { a, evil, pass } = await meshWith()
    evil.webSocket.pause()
    await pass(45)
    expect(linked(a)).toHaveLength(1)
    expect(a.health().peers).toMatchObject([{ peer: 'evil', code: 'LINK_FAILED', count: 1 }])
  })

  it.each([
    ['names no window', 0],
    ['names a large one', 2 ** 40],
  ])('does not read, and %s, holds up no more than our window', async (_, window) => {
    const { a, evil, ofA, pass, queued } = await meshWith(window)
    await exchange(evil)
    evil.webSocket.pause()
    for (let write = 0; write < 60; write++) ofA.set(`large ${write}`, long)
    let most = 0
    const bother = () => {
      evil.send({ type: 'ping', nonce: 1 }) // it is alive, all the same
      most = Math.max(most, queued())
    }
    await pass(60, bother)
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThan(windowBytes + 2 * 2 ** 20)
    expect(linked(a)).toHaveLength(1)
    expect(queued()).toBe(0)
    expect(a.health().peers).toMatchObject([{ peer: 'evil', code: 'RATE_LIMITED' }])
  })

  it('does not read, and acks all the same, holds up no more either', async () => {
    const { a, evil, ofA, goOn, pass, queued } = await meshWith()
    await exchange(evil)
    const { channel, seq } = evil.all('state').at(-1) as Extract<Frame, { type: 'state' }>
    evil.webSocket.pause()
    for (let write = 1; write <= 60; write++) {
      ofA.set(`large ${write}`, long)
      await Promise.resolve()
      // Beyond that it would have to guess what was sent.
      if (write <= 14) evil.send({ type: 'ack', channel, level: 'durable', seq: seq + 2 * write })
      await goOn()
    }
    let most = 0
    const bother = () => {
      evil.send({ type: 'ping', nonce: 1 })
      most = Math.max(most, queued())
    }
    await pass(60, bother)
    expect(most).toBeLessThan(windowBytes + 2 * 2 ** 20)
    expect(linked(a)).toHaveLength(1)
    expect(a.health().peers[0]).toMatchObject({ peer: 'evil', code: 'RATE_LIMITED' })
  })

  it.each<[string, (evil: FrameClient) => void]>([
    ['messages', evil => sendOften(evil, { type: 'ping', nonce: 1 })],
    ['opens', evil => sendOften(evil, { type: 'interest', patterns: ['room:x'] })],
    [
      'updates',
      evil => sendOften(evil, { type: 'update', channel: 9, seq: 1, update: Uint8Array.of(0, 0) }),
    ],
    [
      'frames in one message',
      evil => evil.send(...repeated(70_000, { type: 'skip', channel: 9, seq: 1 })),
    ],
  ])('floods with %s is cut off, and not let in again at once', async (_, flood) => {
    const { a, evil, join, goOn, time } = await meshWith()
    flood(evil)
    await goOn()
    let isClosed = false
    void evil.closed.then(() => {
      isClosed = true
    })
    // For some seconds it is slowed down.
    await waitUntil(async () => {
      await time.advanceAsync(100)
      return isClosed
    })
    const code = expect.stringMatching(/^(RATE_LIMITED|FRAME_INVALID)$/)
    expect(a.health().peers).toMatchObject([{ peer: 'evil', code }])
    const again = await join()
    expect(await again.closed).toBe(1013)
    await goOn()
    time.advance(31_000)
    await join()
    await waitUntil(() => linked(a).includes('evil'))
  })

  it('has very many documents is slowed down, and not cut off', async () => {
    const { a, evil, goOn, time } = await meshWith()
    evil.send(...repeated(30_000, { type: 'interest', patterns: ['room:x'] }))
    evil.send({ type: 'ping', nonce: 30_000 })
    await goOn()
    const isHeard = () => evil.all('pong').some(({ nonce }) => nonce === 30_000)
    await time.advanceAsync(5_000)
    await goOn()
    expect(isHeard()).toBe(false)
    await time.advanceAsync(5_000)
    await waitUntil(isHeard)
    expect(linked(a)).toHaveLength(2)
    expect(a.health().peers).toEqual([])
  })

  it('lies about what it has misses that, is named, and keeps nobody from it', async () => {
    const { a, ofA, evil, pass, goOn } = await meshWith()
    ofA.set('k', 'v')
    const doc = new Y.Doc()
    Y.applyUpdate(doc, await everything(evil))
    const stateVector = Y.encodeStateVector(doc)
    evil.send({ type: 'open', channel: 2, document: notes, generation: 'g', stateVector })
    await evil.next('state', ({ update }) => update.length === 2)
    await goOn()
    const { channel } = evil.all('open').at(-1) as Extract<Frame, { type: 'open' }>
    for (let claim = 0; claim < 100; claim++) {
      evil.send({ type: 'digest', channel: 2, state: '0'.repeat(16), content: `${claim}` })
    }
    evil.send({ type: 'ack', channel, level: 'durable', seq: 10_000 })
    expect(await evil.closed).toBe(4400)
    await pass(5)
    expect(a.health().peers).toMatchObject([{ peer: 'evil', code: 'FRAME_INVALID' }])
  })

  it('claims members that are not there does not displace those that are', async () => {
    const { a, b, evil, goOn } = await meshWith()
    for (let frame = 0; frame < 100; frame++) {
      const members = Array.from({ length: 64 }, (_, index) => ({
        store: `none ${frame} ${index}`,
        address: 'ws://127.0.0.1:1',
        age: 0,
      }))
      evil.send({ type: 'members', links: 1, members })
    }
    await evil.settled()
    await goOn()
    b.disconnect()
    await waitUntil(() => linked(a).length === 1)
    b.connect()
    await waitUntil(() => linked(a).length === 2)
    await goOn()
  })

  it('tells of members more often than anybody needs is not heard for a while', async () => {
    const { a, evil, pass } = await meshWith()
    const c = await openPeer('c')
    const member = { store: 'the store of c', address: c.addresses[0] as string, age: 0 }
    const tell = (members: (typeof member)[]) => evil.send({ type: 'members', links: 1, members })
    for (let frame = 0; frame < 50; frame++) tell([])
    tell([member])
    await evil.settled()
    await pass(5)
    expect(linked(a)).toHaveLength(2)
    tell([member])
    await evil.settled()
    await pass(5)
    await waitUntil(() => linked(a).length === 3)
  })

  it('passes for somebody else, and misbehaves, keeps nobody out', async () => {
    const secret = 'a secret of more than thirty-two bytes'
    const tokens = tokenVerifier({ secret })
    const grants: Grant[] = [{ scope: 'global', partition: '*', rights: 'write' }]
    const token = (subject: string) => mintToken(secret, { subject, grants, seconds: 60 })
    const a = await openPeer('a', { tokens, token: await token('a') })
    const evil = await frameClient(a.addresses[0] as string)
    evil.send({ type: 'peer', store: 'b', address: '', token: 'none' }, hello)
    expect(await evil.closed).toBeGreaterThan(4000)
    expect(a.health().peers).toMatchObject([{ peer: 'b' }])
    await openPeer('b', { peers: a.addresses, tokens, token: await token('b') })
    await waitUntil(() => linked(a).length === 1)
  })

  it('speaks an older version is named', async () => {
    const { a, address, goOn } = await meshWith()
    const old = await frameClient(address, { ...hello, version: 0 })
    expect(await old.closed).toBe(4406)
    expect(a.health().peers).toMatchObject([
      { peer: 'one that did not say who it is', code: 'PROTOCOL_UNSUPPORTED' },
    ])
    await goOn()
  })
})

function sendOften(evil: FrameClient, frame: Frame): void {
  const bytes = concatBytes(repeated(50_000, frame).map(encodeFrame))
  for (let batch = 0; batch < 10; batch++) evil.sendBytes(bytes)
}

function repeated(count: number, frame: Frame): Frame[] {
  return Array<Frame>(count).fill(frame)
}

/** The state of the notes, as the replica sends it to a peer that has nothing. */
async function everything(evil: FrameClient): Promise<Uint8Array> {
  await exchange(evil)
  return evil.all('state').at(-1)?.update ?? new Uint8Array()
}
