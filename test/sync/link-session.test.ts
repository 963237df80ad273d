import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { concatBytes } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import { DocumentSet } from '../../src/document/document-set.ts'
import { Journal } from '../../src/document/journal.ts'
import type { ReplicaDocument } from '../../src/document/replica-document.ts'
import { parseDocumentName } from '../../src/model/document-name.ts'
import { decodeMessage, encodeFrame, type Frame } from '../../src/protocol/frame.ts'
import { openIncarnation } from '../../src/storage/incarnation.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { LinkSession } from '../../src/sync/link-session.ts'
import { memoryLinkPair } from '../../src/transport/memory-link.ts'
import type { Link } from '../../src/transport/transport.ts'
import { hello as anyHello } from '../server/frame-client.ts'
import { type ManualTime, manualTime } from '../support/manual-time.ts'

const name = parseDocumentName('room:r1/notes')
const turns = async () => {
  for (let turn = 0; turn < 10; turn++) await new Promise(resolve => setImmediate(resolve))
}
let seed = 100

interface End {
  session: LinkSession
  storage: Storage
  document: ReplicaDocument
  problems: string[]
  ready: Promise<void>
  events: string[]
  open(): void
}

async function end(link: Link, time: ManualTime, isRelay = true): Promise<End> {
  const storage = createMemoryStorage()
  const random = seededRandom(++seed)
  const journal = new Journal({ time, random, onError: () => {} })
  const incarnation = await openIncarnation(storage, random)
  const documents = new DocumentSet({ storage, journal, incarnation, time, idleMilliseconds: 1 })
  const { document } = await documents.hold(name)
  const problems: string[] = []
  documents.events.on('warning', ({ code }) => problems.push(code))
  const events: string[] = []
  let onReady = () => {}
  const ready = new Promise<void>(resolve => {
    onReady = resolve
  })
  const session = new LinkSession({
    link,
    time,
    node: `node-${seed}`,
    generation: incarnation.generation,
    isRelay,
    windowBytes: 0,
    messageBytesMax: 2 ** 20,
    onReady,
    onClose: (code, reason) => events.push(`closed ${code} ${reason}`.trim()),
  })
  const open = () => {
    session.openChannel(document, incarnation.generation, {
      acked: (level, version) => events.push(`acked ${level} ${version}`),
      synced: () => events.push('synced'),
      behind: () => events.push('behind'),
      generation: () => {},
      writesRefused: error => events.push(`writes refused ${error.code}`),
      refused: error => events.push(`refused ${error.code}`),
    })
  }
  return { session, storage, document, problems, ready, events, open }
}

const limits = { dialledMessageBytesMax: 2 ** 24, acceptedMessageBytesMax: 2 ** 24 }

/** One session, and the frames of the other end in the hands of the test. */
async function openAgainstRawPeer(windowBytes = 0, isRelay = true) {
  const time = manualTime()
  const { dialled, accepted } = memoryLinkPair(limits)
  const received: Frame[] = []
  const closed: number[] = []
  accepted.start({
    message: message => received.push(...decodeMessage(message)),
    close: code => closed.push(code),
  })
  const one = await end(dialled, time, isRelay)
  const sendAsOne = async (...frames: Frame[]) => {
    accepted.send(concatBytes(frames.map(encodeFrame)))
    await turns()
  }
  const send = async (...frames: Frame[]) => {
    for (const frame of frames) accepted.send(encodeFrame(frame))
    await turns()
  }
  const hello: Frame = { ...anyHello, messageBytesMax: 2 ** 20, windowBytes }
  return { time, one, received, closed, send, sendAsOne, hello, accepted }
}

const emptyVector = Uint8Array.of(0)
const openFrame = (channel: number): Frame => ({
  type: 'open',
  channel,
  document: name,
  generation: 'g',
  stateVector: emptyVector,
})

/** What a writer sends for each of its changes. */
function changesOf(write: (doc: Y.Doc) => void): Uint8Array[] {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', update => updates.push(update))
  write(doc)
  return updates
}

const threeKeys = () =>
  changesOf(doc => {
    for (const key of ['a', 'b', 'c']) doc.getMap('m').set(key, key)
  })

/** A session of which another end has opened the document and sent an empty state. */
async function openInStep() {
  const all = await openAgainstRawPeer(0, false)
  await all.send(all.hello)
  all.one.open()
  await all.send(openFrame(9), { ...stateFrame, seq: 1 })
  all.received.splice(0)
  const frame = (update: Uint8Array, index: number): Frame => {
    return { type: 'update', channel: 9, seq: 2 + index, update }
  }
  const keys = () => Object.keys(all.one.document.doc.getMap('m').toJSON())
  return { ...all, frame, keys }
}

const stateFrame = { type: 'state', channel: 9, last: true, update: Uint8Array.of(0, 0) } as const

describe('updates of one message', () => {
  it('are one change of the document, one entry of its log and one ack', async () => {
    const { one, received, sendAsOne, frame, keys } = await openInStep()
    const changes: unknown[] = []
    one.document.doc.on('afterTransaction', ({ local, changed }: Y.Transaction) => {
      if (changed.size > 0) changes.push([local, keys()])
    })
    await sendAsOne(...threeKeys().map(frame))
    expect(changes).toEqual([[false, ['a', 'b', 'c']]])
    expect(one.document.version).toBe(1)
    expect((await one.storage.load(name)).updates).toHaveLength(1)
    expect(received).toEqual([{ type: 'ack', channel: 9, level: 'durable', seq: 4 }])
  })

  it('are taken in up to one that is malformed, which is refused by its number', async () => {
    const { one, received, sendAsOne, frame, keys } = await openInStep()
    const [a, b, c] = threeKeys() as [Uint8Array, Uint8Array, Uint8Array]
    await sendAsOne(...[a, b, Uint8Array.of(9, 9, 9), c].map(frame))
    expect(keys()).toEqual(['a', 'b'])
    expect(received).toMatchObject([
      { type: 'nack', channel: 9, seq: 4, code: 'UPDATE_INVALID' },
      { type: 'close' },
    ])
    expect(one.document.version).toBe(1)
  })

  it('are taken in up to one that builds on something missing, which is asked for', async () => {
    const { one, received, sendAsOne, frame, keys } = await openInStep()
    const [a, , c] = threeKeys() as [Uint8Array, Uint8Array, Uint8Array]
    await sendAsOne(...[a, c, c].map(frame))
    expect(keys()).toEqual(['a'])
    expect(received).toEqual([
      { type: 'resync', channel: 9, stateVector: one.document.stateVector() },
      { type: 'ack', channel: 9, level: 'durable', seq: 2 },
    ])
  })

  it('are taken in up to a number that is missing', async () => {
    const { received, sendAsOne, frame, keys } = await openInStep()
    const [a, b, c] = threeKeys().map(frame) as [Frame, Frame, Frame]
    await sendAsOne(a, b, { ...c, seq: 5 } as Frame)
    expect(keys()).toEqual(['a', 'b'])
    expect(received.map(({ type }) => type)).toEqual(['resync', 'ack'])
  })

  it('hold nothing in common with those of another document between them', async () => {
    const { one, sendAsOne, frame, keys } = await openInStep()
    const [a, b, c] = threeKeys().map(frame) as [Frame, Frame, Frame]
    await sendAsOne(a, { type: 'update', channel: 8, seq: 1, update: Uint8Array.of(0, 0) }, b, c)
    expect(keys()).toEqual(['a', 'b', 'c'])
    expect(one.document.version).toBe(2)
  })

  it('do not count as failed when an observer of the document does', async () => {
    const { one, received, sendAsOne, frame, keys } = await openInStep()
    one.document.doc.getMap('m').observe(() => {
      throw new Error('an observer')
    })
    await sendAsOne(...threeKeys().map(frame))
    expect(keys()).toEqual(['a', 'b', 'c'])
    expect(one.problems).toEqual(['OBSERVER_FAILED'])
    expect(received).toEqual([{ type: 'ack', channel: 9, level: 'durable', seq: 4 }])
  })
})

describe('two sessions on one link', () => {
  it('bring one document to the same content, whoever wrote what before', async () => {
    const time = manualTime()
    const { dialled, accepted } = memoryLinkPair(limits)
    const [a, b] = [await end(dialled, time), await end(accepted, time)]
    await Promise.all([a.ready, b.ready])
    a.document.doc.getMap('m').set('from a', 1)
    b.document.doc.getMap('m').set('from b', 2)
    a.open()
    b.open()
    await turns()
    a.document.doc.getMap('m').set('later a', 3)
    b.document.doc.getMap('m').set('later b', 4)
    await turns()
    expect(a.document.doc.getMap('m').toJSON()).toEqual(b.document.doc.getMap('m').toJSON())
    expect(a.document.doc.getMap('m').size).toBe(4)
    expect(a.events).toContain('synced')
    expect(b.events).toContain('synced')
  })

  it('refuse a document that the other end has not opened, until it is opened', async () => {
    const time = manualTime()
    const { dialled, accepted } = memoryLinkPair(limits)
    const [a, b] = [await end(dialled, time), await end(accepted, time)]
    await Promise.all([a.ready, b.ready])
    a.open()
    await turns()
    expect(a.events).toEqual(['refused CHANNEL_UNKNOWN'])
    b.open()
    a.open()
    await turns()
    expect(a.events).toContain('synced')
  })
})

describe('a session', () => {
  it('sends nothing of a document before it knows what the peer has', async () => {
    const { one, received, send, hello } = await openAgainstRawPeer()
    await send(hello)
    one.open()
    one.document.doc.getMap('m').set('k', 1)
    await turns()
    expect(received.map(({ type }) => type)).toEqual(['hello', 'open'])
    await send(openFrame(9))
    one.document.doc.getMap('m').set('k', 2)
    await turns()
    expect(received.slice(2)).toMatchObject([
      { type: 'state', channel: 1, seq: 1, last: true },
      { type: 'update', channel: 1, seq: 2 },
    ])
  })

  it('translates acks into versions of the document', async () => {
    const { one, send, hello } = await openAgainstRawPeer()
    await send(hello)
    one.document.doc.getMap('m').set('k', 1)
    one.open()
    await send(openFrame(9))
    one.document.doc.getMap('m').set('k', 2)
    await turns()
    one.document.doc.getMap('m').set('k', 3)
    await turns()
    await send({ type: 'ack', channel: 1, level: 'received', seq: 3 })
    await send({ type: 'ack', channel: 1, level: 'durable', seq: 2 })
    expect(one.events).toEqual(['acked received 3', 'acked durable 2'])
  })

  it('sends what was written in one turn as one update, and counts no ack for more', async () => {
    const { one, received, send, hello } = await openAgainstRawPeer()
    await send(hello)
    one.open()
    await send(openFrame(9))
    const map = one.document.doc.getMap('m')
    for (let key = 0; key < 5; key++) map.set(`k${key}`, key)
    await turns()
    expect(received.slice(3)).toMatchObject([{ type: 'update', channel: 1, seq: 2 }])
    expect((await one.storage.load(name)).updates).toHaveLength(1)
    const acked = send({ type: 'ack', channel: 1, level: 'durable', seq: 2 })
    map.set('in the turn of the ack', 1)
    await acked
    expect(one.events).toEqual(['acked durable 0', 'acked durable 1'])
    expect(one.document.version).toBe(2)
  })

  it('asks for the state after a missing number and ignores the stream until it comes', async () => {
    const { one, received, send, hello } = await openAgainstRawPeer()
    await send(hello)
    one.open()
    const update = Uint8Array.of(0, 0)
    await send(openFrame(9), { type: 'state', channel: 9, seq: 5, last: true, update })
    await send({ type: 'update', channel: 9, seq: 7, update })
    await send({ type: 'update', channel: 9, seq: 8, update })
    expect(received.filter(({ type }) => type === 'resync')).toHaveLength(1)
    await send({ type: 'state', channel: 9, seq: 8, last: true, update })
    await send(
      { type: 'skip', channel: 9, seq: 10 },
      { type: 'update', channel: 9, seq: 11, update },
    )
    expect(received.filter(({ type }) => type === 'resync')).toHaveLength(1)
    expect(one.events.filter(event => event === 'synced')).toHaveLength(2)
  })

  it('asks again for a state that was cut before what came from others', async () => {
    const { one, received, send, hello } = await openAgainstRawPeer(0, false)
    await send(hello)
    one.open()
    const doc = new Y.Doc()
    const [first] = changesOf(other => {
      doc.clientID = other.clientID = 7
      for (const letter of ['a', 'b', 'c']) {
        doc.getArray('l').push([letter])
        other.getArray('l').push([letter])
      }
    }) as [Uint8Array]
    // It ends in the midst of what Yjs has joined to one item in the state.
    expect(one.document.apply(first, { isRelay: false })).toBe('new')
    const stateOf = (vector: Uint8Array) => Y.encodeStateAsUpdate(doc, vector)
    const state = { type: 'state', channel: 9, last: true } as const
    await send(openFrame(9), { ...state, seq: 1, update: stateOf(emptyVector) })
    const stateVector = one.document.stateVector()
    expect(received.at(-1)).toEqual({ type: 'resync', channel: 9, stateVector })
    await send({ ...state, seq: 2, update: stateOf(stateVector) })
    expect(one.events).toContain('synced')
    expect(one.document.doc.getArray('l').toArray()).toEqual(['a', 'b', 'c'])
    expect(received.filter(({ type }) => type === 'nack')).toEqual([])
  })

  it('answers a resync with a state from the vector it names', async () => {
    const { one, received, send, hello } = await openAgainstRawPeer()
    await send(hello)
    one.document.doc.getMap('m').set('k', 1)
    one.open()
    await send(openFrame(9))
    const stateVector = one.document.stateVector()
    await send({ type: 'resync', channel: 1, stateVector })
    expect(received.at(-1)).toMatchObject({ type: 'state', seq: 2, last: true })
    // What the peer asks from may not be on its disk yet.
    expect(one.events).toEqual([])
    await send({ type: 'ack', channel: 1, level: 'durable', seq: 2 })
    expect(one.events).toEqual(['acked durable 1'])
  })

  it('takes what the peer opened with for durable', async () => {
    const { one, received, send, hello } = await openAgainstRawPeer()
    await send(hello)
    one.document.doc.getMap('m').set('k', 1)
    one.open()
    await send({ ...openFrame(9), stateVector: one.document.stateVector() } as Frame)
    expect(received.at(-1)).toMatchObject({ type: 'state', seq: 1, last: true })
    expect(one.events).toEqual(['acked durable 1'])
  })

  it('keeps to the window of the peer, and sends what had to wait as one', async () => {
    const { one, received, send, hello } = await openAgainstRawPeer(1)
    await send(hello)
    one.open()
    await send(openFrame(9))
    const write = async (key: string) => {
      one.document.doc.getMap('m').set(key, 1)
      await turns()
    }
    for (const key of ['a', 'b', 'c']) await write(key)
    const updates = () => received.filter(frame => frame.type === 'update')
    expect(updates()).toHaveLength(0) // the state is under way
    await send({ type: 'ack', channel: 1, level: 'durable', seq: 1 })
    expect(updates()).toHaveLength(1)
    await write('d')
    expect(one.events.at(-1)).toBe('acked durable 0')
    await send({ type: 'ack', channel: 1, level: 'durable', seq: 2 })
    expect(one.events.at(-1)).toBe('acked durable 3')
    expect(updates().map(({ seq }) => seq)).toEqual([2, 3])
    const there = new Y.Doc()
    for (const { update } of updates()) Y.applyUpdate(there, update)
    expect(Object.keys(there.getMap('m').toJSON()).sort()).toEqual(['a', 'b', 'c', 'd'])
  })

  it('ends a channel whose peer sends a malformed update, and no other', async () => {
    const { one, received, send, hello, closed } = await openAgainstRawPeer()
    await send(hello)
    one.open()
    const update = Uint8Array.of(9, 9, 9)
    await send(openFrame(9), { type: 'state', channel: 9, seq: 1, last: true, update })
    expect(one.events).toContain('refused UPDATE_INVALID')
    expect(one.events).not.toContain('synced')
    expect(received.at(-2)).toMatchObject({ type: 'nack', channel: 9, code: 'UPDATE_INVALID' })
    expect(closed).toEqual([])
  })

  it('keeps a later exchange when the peer closes a number it had for an earlier one', async () => {
    const { one, send, hello } = await openAgainstRawPeer()
    await send(hello)
    one.open()
    await send(openFrame(9), openFrame(10))
    await send({ type: 'close', channel: 10 })
    const refusals = () => one.events.filter(event => event === 'refused CHANNEL_UNKNOWN')
    expect(refusals()).toHaveLength(1)
    one.open()
    await send(openFrame(11), { type: 'close', channel: 9 })
    expect(refusals()).toHaveLength(1)
  })

  it('ignores what was under way on a number that it has closed, and refuses one never opened', async () => {
    const { one, received, send, hello } = await openAgainstRawPeer()
    await send(hello)
    one.open()
    const update = Uint8Array.of(0, 0)
    await send(openFrame(9), openFrame(10))
    await send({ type: 'update', channel: 9, seq: 1, update })
    const refused = () => received.flatMap(frame => (frame.type === 'nack' ? frame.channel : []))
    expect(refused()).toEqual([])
    await send({ type: 'update', channel: 8, seq: 1, update })
    expect(refused()).toEqual([8])
  })

  it('passes on a refusal, also with a code that it does not know', async () => {
    const { one, send, hello } = await openAgainstRawPeer()
    await send(hello)
    one.open()
    const nack = { type: 'nack', seq: 0, retryable: true, message: 'why' } as const
    await send({ ...nack, channel: 1, code: 'STORAGE_UNAVAILABLE' })
    one.open()
    await send({ ...nack, channel: 2, code: 'FROM_THE_FUTURE' })
    expect(one.events).toEqual(['refused STORAGE_UNAVAILABLE', 'refused REFUSED'])
  })

  it('refuses an update longer than the peer accepts, for that document alone', async () => {
    const { one, send, hello, closed } = await openAgainstRawPeer()
    await send({ ...hello, messageBytesMax: 1_000 } as Frame)
    one.open()
    await send(openFrame(9))
    one.document.doc.getText('t').insert(0, 'x'.repeat(2_000))
    await turns()
    expect(one.events).toContain('refused FRAME_TOO_LARGE')
    expect(closed).toEqual([])
  })

  it.each<[string, Frame[]]>([
    ['a frame before the hello', [{ type: 'ping', nonce: 1 }]],
    [
      'an ack for a channel that was never opened',
      [{ type: 'ack', channel: 7, level: 'durable', seq: 1 }],
    ],
    [
      'a channel number used for two documents',
      [openFrame(9), { ...openFrame(9), document: 'room:r1/other' } as Frame],
    ],
    ['an ack of the future', [{ type: 'ack', channel: 1, level: 'durable', seq: 99 }]],
  ])('closes the link with 4400 after %s', async (_, frames) => {
    const { one, send, hello, closed } = await openAgainstRawPeer()
    if (frames[0]?.type !== 'ping') await send(hello)
    one.open()
    await send(...frames)
    expect(closed).toEqual([4400])
    expect(one.events.at(-1)).toMatch(/^closed 4400 FRAME_INVALID/)
  })

  it('closes the link with 4406 when the peer speaks another version', async () => {
    const { send, hello, closed } = await openAgainstRawPeer()
    await send({ ...hello, version: 2 } as Frame)
    expect(closed).toEqual([4406])
  })

  it('pings a silent peer and gives it up after 40 s', async () => {
    const { send, hello, time, received, closed, one } = await openAgainstRawPeer()
    await send(hello)
    await time.advanceAsync(20_000)
    await turns()
    expect(received.some(({ type }) => type === 'ping')).toBe(true)
    await time.advanceAsync(25_000)
    await turns()
    expect(closed).toEqual([4508])
    expect(one.events.at(-1)).toMatch(/^closed 4508/)
  })

  it('is at its end when it closes, whether the peer answers that or not', async () => {
    const time = manualTime()
    const { dialled, accepted } = memoryLinkPair(limits)
    const one = await end(withoutEnd(dialled), time)
    accepted.start({ message: () => {}, close: () => {} })
    one.session.close(4508, 'silent')
    expect(one.events).toEqual(['closed 4508 silent'])
  })
})

/** A link whose other end never answers a close. */
function withoutEnd(link: Link): Link {
  return {
    bufferedBytes: 0,
    start: ({ message }) => link.start({ message, close: () => {} }),
    send: message => link.send(message),
    pause: () => link.pause(),
    resume: () => link.resume(),
    close: () => {},
  }
}
