/** Peers that send what they should not, or nothing: they are named, cut off, and in nobody's way. */
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  createMemoryNetwork,
  createMemoryStorage,
  type Link,
  openReplica,
  type Replica,
} from '../../src/index.ts'
import { decodeMessage, encodeFrame, type Frame } from '../../src/protocol/frame.ts'
import { manualTime } from '../support/manual-time.ts'
import { waitUntil } from '../support/wait-until.ts'
import { linked, Notes, scope } from './peers.ts'

const dialOptions = { messageBytesMax: 2 ** 24, timeoutMilliseconds: 1_000 }

/** Two honest replicas, and the end of a link to the first one. */
async function meshWithStranger() {
  const network = createMemoryNetwork()
  const time = manualTime()
  const open = async (actor: string, options: object): Promise<Replica> => {
    const storage = createMemoryStorage()
    const replica = await openReplica({ actor, storage, transport: network, time, ...options })
    onTestFinished(() => replica.close())
    return replica
  }
  const a = await open('a', { listen: network.acceptor('memory:a') })
  const b = await open('b', { peers: ['memory:a'] })
  const [ofA, ofB] = [await a.open(scope, Notes), await b.open(scope, Notes)]
  await waitUntil(() => linked(a).length === 1)
  const warnings: string[] = []
  a.on('warning', ({ code, message }) => warnings.push(`${code} ${message}`))
  const link: Link = await network.dial('memory:a', dialOptions)
  const received: Frame[] = []
  const closes: number[] = []
  link.start({
    message: message => received.push(...decodeMessage(message)),
    close: code => closes.push(code),
  })
  const send = (...frames: Frame[]) => {
    for (const frame of frames) link.send(encodeFrame(frame))
  }
  /** The honest ones go on. */
  const goOn = async () => {
    const key = `after ${warnings.length} ${closes.length}`
    ofA.set(key, 'v')
    await waitUntil(() => ofB.get(key) === 'v')
  }
  return { a, network, time, link, send, received, closes, warnings, goOn }
}

const hello: Frame = {
  type: 'hello',
  version: 1,
  node: 'stranger',
  messageBytesMax: 2 ** 20,
  windowBytes: 0,
  generation: 'g',
}
const introduction: Frame = { type: 'peer', store: 'evil', address: '', token: '' }
const openNotes: Frame = {
  type: 'open',
  channel: 1,
  document: 'room:r1/notes',
  generation: 'g',
  stateVector: Uint8Array.of(0),
}

describe('a peer that', () => {
  it.each([
    ['sends garbage', [], 'FRAME_INVALID'],
    ['introduces itself twice', [introduction, introduction], 'FRAME_INVALID'],
    [
      'acks what was never sent',
      [introduction, openNotes, { type: 'ack', channel: 1, level: 'durable', seq: 999 }],
      'FRAME_INVALID',
    ],
    [
      'speaks of channels that were never opened',
      [introduction, { type: 'resync', channel: 77, stateVector: Uint8Array.of(0) }],
      'FRAME_INVALID',
    ],
    [
      'asks for scopes that cannot be',
      [introduction, { type: 'interest', patterns: ['room:*', 'planet:*'] }],
      'SCOPE_INVALID',
    ],
    [
      'asks for more scopes than anybody needs',
      [introduction, { type: 'interest', patterns: Array(2_000).fill('room:*') }],
      'LIMIT_REACHED',
    ],
  ] as [string, Frame[], string][])('%s is cut off and named', async (_, frames, code) => {
    const { link, send, closes, warnings, goOn } = await meshWithStranger()
    send(hello, ...frames)
    if (frames.length === 0) link.send(Uint8Array.of(5, 1, 2))
    await waitUntil(() => closes.length === 1)
    expect(closes).toEqual([4400])
    expect(warnings).toEqual([
      expect.stringMatching(new RegExp(`^${code} the peer .* was cut off`)),
    ])
    await goOn()
  })

  it('speaks another version is told so', async () => {
    const { send, closes, warnings, goOn } = await meshWithStranger()
    send({ ...hello, version: 2 } as Frame)
    await waitUntil(() => closes.length === 1)
    expect(closes).toEqual([4406])
    expect(warnings).toEqual([expect.stringMatching(/^PROTOCOL_UNSUPPORTED/)])
    await goOn()
  })

  it('does not say who it is, or falls silent, is let go', async () => {
    const { a, time, send, closes, warnings, goOn } = await meshWithStranger()
    send(hello)
    await goOn()
    time.advance(10_000)
    await waitUntil(() => closes.length === 1)
    expect(warnings).toEqual([expect.stringMatching(/^PROTOCOL_UNSUPPORTED .*introduce/)])
    expect(linked(a)).toHaveLength(1)
    await goOn()
  })

  it('sends updates that are malformed loses the channel, and at last the link', async () => {
    const { send, received, closes, warnings, goOn } = await meshWithStranger()
    send(hello, introduction)
    const nacks = () => received.filter(({ type }) => type === 'nack').length
    for (let channel = 1; channel <= 12 && closes.length === 0; channel++) {
      send({ ...openNotes, channel } as Frame)
      await waitUntil(() => received.filter(({ type }) => type === 'open').length >= channel)
      send({ type: 'state', channel, seq: 1, last: true, update: Uint8Array.of(1, 1, 9, 9, 9, 9) })
      await waitUntil(() => closes.length > 0 || nacks() >= channel)
    }
    await waitUntil(() => closes.length === 1)
    expect(warnings.at(-1)).toMatch(/^UPDATE_INVALID the peer evil was cut off/)
    await goOn()
  })

  it('takes nothing of what it is sent costs no more than its window', async () => {
    const { a, send, received, goOn } = await meshWithStranger()
    send({ ...hello, windowBytes: 1_000 } as Frame, introduction, openNotes)
    await waitUntil(() => linked(a).length === 2)
    for (let round = 0; round < 50; round++) await goOn()
    const bytes = received.reduce(
      (sum, frame) => sum + ('update' in frame ? frame.update.length : 0),
      0,
    )
    expect(bytes).toBeLessThan(2_000)
  })

  it('asks from a state vector that is none, while its window is full, is cut off', async () => {
    const { send, received, closes, warnings, goOn } = await meshWithStranger()
    await goOn()
    send({ ...hello, windowBytes: 1 } as Frame, introduction, openNotes)
    await waitUntil(() => received.some(({ type }) => type === 'state'))
    const open = received.find(({ type }) => type === 'open')
    const channel = open?.type === 'open' ? open.channel : 0
    send({ type: 'resync', channel, stateVector: Uint8Array.of(1, 1) })
    await waitUntil(() => closes.length === 1)
    expect(closes).toEqual([4400])
    expect(warnings).toEqual([expect.stringMatching(/^FRAME_INVALID the peer evil was cut off/)])
    await goOn()
  })

  it('only connects, and often, costs a few links and no more', async () => {
    const { a, network, time, goOn } = await meshWithStranger()
    const codes: number[] = []
    for (let dialled = 0; dialled < 100; dialled++) {
      const link = await network.dial('memory:a', dialOptions)
      link.start({ message: () => {}, close: code => codes.push(code) })
    }
    await waitUntil(() => codes.length > 0)
    expect(new Set(codes)).toEqual(new Set([1013]))
    expect(a.status.peers.length).toBeLessThanOrEqual(66)
    await goOn()
    time.advance(10_000)
    await waitUntil(() => a.status.peers.length === 1)
  })
})
