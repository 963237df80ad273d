/** What is long, over real sockets: announced where it may be there already, and sent to who asks. */
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { createMemoryStorage, definePartition, type Replica } from '../../src/index.ts'
import { outlineOf } from '../../src/model/update-outline.ts'
import { decodeMessage, type Frame } from '../../src/protocol/frame.ts'
import { websocketTransport } from '../../src/transport/websocket-transport.ts'
import { emptyVector, type FrameClient, frameClient, hello } from '../server/frame-client.ts'
import { manualTime } from '../support/manual-time.ts'
import { waitUntil } from '../support/wait-until.ts'
import { linked, Notes, openPeer, scope } from './peers.ts'

/** The notes, as native types show them. */
const Native = definePartition({ name: 'notes', policy: 'crdt' })
const notes = 'room:r1/notes'
const many = 300
const taken: Frame = { type: 'want', channel: 0, seq: 0 }

/** A replica that has written many notes, and its document. */
async function writer(actor: string) {
  const replica = await openPeer(actor)
  const ofWriter = await replica.open(scope, Notes)
  const { doc } = await replica.open(scope, Native)
  const write = (keys: number) => {
    const before = Y.encodeStateVector(doc)
    for (let key = 0; key < keys; key++) ofWriter.set(`${actor} ${ofWriter.size}`, 'a note')
    return Y.encodeStateAsUpdate(doc, before)
  }
  return { replica, write }
}

/** A replica whose time stands still, and peers of it that do as they are told. */
async function replicaWithPeers(options: object = {}) {
  const time = manualTime()
  const a = await openPeer('a', { time, ...options })
  const ofA = await a.open(scope, Notes)
  /** Has nothing, and has exchanged the notes: what it sends next has the number 2. */
  const join = async (store: string, ...first: Frame[]) => {
    const client = await frameClient(a.addresses[0] as string, { ...hello, node: store })
    client.send({ type: 'peer', store, address: '', token: '' }, ...first)
    client.send({
      type: 'open',
      channel: 1,
      document: notes,
      generation: 'g',
      stateVector: emptyVector,
    })
    const { channel, seq } = await client.next('state')
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update: Uint8Array.of(0, 0) })
    client.send({ type: 'ack', channel, level: 'durable', seq })
    await client.settled()
    return { client, channel }
  }
  return { time, a, ofA, join }
}

function announcement(update: Uint8Array, seq = 2): Frame {
  const outline = outlineOf(update)
  return { type: 'announce', channel: 1, seq, state: false, bytes: update.length, outline }
}

/** What a peer was asked for. */
function wants({ frames }: FrameClient): number[] {
  return frames.flatMap(frame => (frame.type === 'want' && frame.channel > 0 ? frame.seq : []))
}

/** What a peer was told to be durable. */
function acks({ frames }: FrameClient): number[] {
  return frames.flatMap(frame =>
    frame.type === 'ack' && frame.level === 'durable' ? frame.seq : [],
  )
}

const enough = 60 // ms, longer than what is pushed may take

describe('what several peers announce', () => {
  it('is asked of the first, and of the next when that goes', async () => {
    const { time, ofA, join } = await replicaWithPeers()
    const update = (await writer('w')).write(many)
    const [first, second] = [(await join('first')).client, (await join('second')).client]
    for (const client of [first, second]) {
      client.send(announcement(update))
      await client.settled()
    }
    expect(wants(first)).toEqual([]) // others may be about to push it
    time.advance(enough)
    await waitUntil(() => wants(first).length === 1)
    await second.settled()
    expect(wants(second)).toEqual([])
    first.webSocket.terminate()
    await waitUntil(() => wants(second).length === 1)
    expect(ofA.size).toBe(0)
    second.send({ type: 'update', channel: 1, seq: 2, update })
    await waitUntil(() => ofA.size === many)
    await waitUntil(() => acks(second).includes(2))
  })

  it('is acked to each when it is on the disk, whoever sent it', async () => {
    const storage = createMemoryStorage()
    let open = () => {}
    let gate = Promise.resolve()
    const append = storage.append.bind(storage)
    storage.append = (...args) => gate.then(() => append(...args))
    const { time, ofA, join } = await replicaWithPeers({ storage })
    const update = (await writer('w')).write(many)
    const [first, second] = [(await join('first')).client, (await join('second')).client]
    gate = new Promise(resolve => {
      open = resolve
    })
    for (const client of [first, second]) {
      client.send(announcement(update))
      await client.settled()
    }
    time.advance(enough)
    await waitUntil(() => wants(first).length === 1)
    first.send({ type: 'update', channel: 1, seq: 2, update })
    await waitUntil(() => ofA.size === many)
    await second.settled()
    expect([...acks(first), ...acks(second)]).not.toContain(2)
    open()
    await waitUntil(() => acks(first).includes(2) && acks(second).includes(2))
    expect(wants(second)).toEqual([])
  })

  it('is asked of the next as well when the first is slow, and taken of whoever sends it', async () => {
    const { time, a, ofA, join } = await replicaWithPeers()
    const { write } = await writer('w')
    const [before, update] = [write(1), write(many)]
    const [slow, other] = [(await join('slow')).client, (await join('other')).client]
    slow.send(announcement(update))
    await slow.settled()
    other.send({ type: 'update', channel: 1, seq: 2, update: before })
    await waitUntil(() => ofA.size === 1) // what is short goes on
    other.send(announcement(update, 3))
    await other.settled()
    time.advance(400)
    await other.settled()
    expect([wants(slow), wants(other)]).toEqual([[2], []])
    time.advance(300)
    await waitUntil(() => wants(other).length === 1)
    slow.send({ type: 'update', channel: 1, seq: 2, update })
    await waitUntil(() => ofA.size === many + 1)
    await slow.settled()
    expect(slow.all('resync')).toEqual([])
    expect(a.health().peers).toEqual([])
  })

  it('is asked of those who are quick before it is asked of who was slow', async () => {
    const { time, ofA, join } = await replicaWithPeers()
    const { write } = await writer('w')
    const [slow, other] = [(await join('slow')).client, (await join('other')).client]
    for (const seq of [2, 3]) {
      const update = write(many)
      slow.send(announcement(update, seq))
      await slow.settled()
      other.send(announcement(update, seq))
      await other.settled()
      time.advance(enough)
      if (seq === 2) time.advance(600)
      await waitUntil(() => wants(other).includes(seq))
      expect(wants(slow)).toEqual([2])
      other.send({ type: 'update', channel: 1, seq, update })
      await waitUntil(() => ofA.size === (seq - 1) * many)
      if (seq === 2) slow.send({ type: 'update', channel: 1, seq, update })
      await waitUntil(() => acks(slow).includes(seq))
    }
  })

  it('is asked at last of who was slow, when nobody else has it', async () => {
    const { time, ofA, join } = await replicaWithPeers()
    const { write } = await writer('w')
    const [slow, other] = [(await join('slow')).client, (await join('other')).client]
    const [first, second] = [write(many), write(many)]
    for (const client of [slow, other]) {
      client.send(announcement(first))
      await client.settled()
    }
    time.advance(600)
    await waitUntil(() => wants(other).length === 1)
    for (const client of [other, slow]) {
      client.send({ type: 'update', channel: 1, seq: 2, update: first })
      await waitUntil(() => acks(client).includes(2))
    }
    slow.send(announcement(second, 3))
    await slow.settled()
    time.advance(enough)
    await waitUntil(() => wants(slow).includes(3))
    slow.send({ type: 'update', channel: 1, seq: 3, update: second })
    await waitUntil(() => ofA.size === 2 * many)
  })

  it('and has not come for long is named', async () => {
    const { time, a, join } = await replicaWithPeers()
    const { client } = await join('slow')
    client.send(announcement((await writer('w')).write(many)))
    await client.settled()
    await time.advanceAsync(enough)
    for (let seconds = 0; seconds < 40; seconds += 5) {
      await client.settled() // it is not silent
      await time.advanceAsync(5_000)
    }
    expect(a.health().peers).toMatchObject([{ peer: 'slow', code: 'LINK_FAILED', count: 1 }])
    expect(linked(a)).toEqual(['slow'])
  })

  it.each<[string, (update: Uint8Array, seq: number) => Frame[]]>([
    ['sends nothing', () => []],
    [
      'sends something else',
      (_, seq) => [{ type: 'update', channel: 1, seq, update: Uint8Array.of(0, 0) }],
    ],
  ])('is asked of the next at once where the first %s, and goes on', async (_, answer) => {
    const { time, a, ofA, join } = await replicaWithPeers()
    const { write } = await writer('w')
    const update = write(many)
    const [liar, honest] = [(await join('liar')).client, (await join('honest')).client]
    liar.webSocket.on('message', (data: Buffer) => {
      for (const frame of decodeMessage(new Uint8Array(data))) {
        if (frame.type === 'want') liar.send(...answer(update, frame.seq))
        if (frame.type === 'ping') liar.send({ type: 'pong', nonce: frame.nonce })
      }
    })
    for (const client of [liar, honest]) {
      client.send(announcement(update))
      await client.settled()
    }
    time.advance(enough)
    await waitUntil(() => wants(honest).length === 1)
    expect(wants(liar)).toEqual([2])
    expect(a.health().peers).toMatchObject([{ peer: 'liar', code: 'FRAME_INVALID', count: 1 }])
    honest.send({ type: 'update', channel: 1, seq: 2, update })
    await waitUntil(() => ofA.size === many)
  })

  it('and never sent costs its peer the link at last, and it is not let in again at once', async () => {
    const { time, a, ofA, join } = await replicaWithPeers()
    const { client } = await join('liar')
    const { write } = await writer('w')
    // Whatever it is asked for it announces, and does not send.
    const announce = () => client.send({ ...announcement(write(many)), state: true } as Frame)
    client.webSocket.on('message', (data: Buffer) => {
      for (const frame of decodeMessage(new Uint8Array(data))) {
        if (frame.type === 'resync') announce()
        if (frame.type === 'ping') client.send({ type: 'pong', nonce: frame.nonce })
      }
    })
    announce()
    expect(await client.closed).toBe(4400)
    const peers = [{ peer: 'liar', code: 'FRAME_INVALID', count: 12 }]
    expect(a.health().peers).toMatchObject(peers)
    await expect(join('liar')).rejects.toThrow('1013')
    expect(ofA.size).toBe(0)
    time.advance(31_000)
    await join('liar')
  })

  it('ends the link of who announces what cannot be', async () => {
    const { a, join } = await replicaWithPeers()
    const outlines = [Uint8Array.of(9, 9), new Uint8Array(20_000)]
    for (const [index, outline] of outlines.entries()) {
      const { client } = await join(`evil ${index}`)
      client.send({ type: 'announce', channel: 1, seq: 2, state: false, bytes: 1, outline })
      expect(await client.closed).toBe(4400)
    }
    expect(a.health().peers.map(({ peer }) => peer)).toEqual(['evil 1', 'evil 0'])
  })
})

/** A replica with a peer on whose link the last update has crossed, and one that brings what is new. */
async function replicaWithSpareLink(...first: Frame[]) {
  const { a, ofA, join } = await replicaWithPeers()
  const { write } = await writer('w')
  const [{ client: source }, spare] = [await join('source'), await join('spare', ...first)]
  const update = write(1)
  source.send({ type: 'update', channel: 1, seq: 2, update })
  spare.client.send({ type: 'update', channel: 1, seq: 2, update })
  await spare.client.next('update')
  await source.settled()
  await spare.client.settled()
  const bulk = write(many)
  source.send({ type: 'update', channel: 1, seq: 3, update: bulk })
  await waitUntil(() => ofA.size === many + 1)
  return { a, ofA, write, source, ...spare, bulk }
}

describe('what is long, on a link on which updates cross', () => {
  it('is announced, and sent when it is asked for, with what follows behind it', async () => {
    const { client, channel, bulk, source, write } = await replicaWithSpareLink(taken)
    const { seq, outline, bytes } = await client.next('announce')
    expect([outline, bytes]).toEqual([outlineOf(bulk), bulk.length])
    source.send({ type: 'update', channel: 1, seq: 4, update: write(1) })
    await source.settled()
    await client.settled()
    expect(client.all('update')).toHaveLength(1) // the one that has crossed
    client.send({ type: 'want', channel, seq })
    expect((await client.next('update')).update).toEqual(bulk)
    expect((await client.next('update')).seq).toBe(seq + 1)
  })

  it('counts as replicated when the peer acks it, and not before', async () => {
    const { a, ofA, client, channel } = await replicaWithSpareLink(taken)
    const { seq } = await client.next('announce')
    ofA.set('mine', 'v')
    let isReplicated = false
    const flushed = a.flush({ level: 'replicated', n: 2 }).then(() => {
      isReplicated = true
    })
    await client.settled()
    expect(client.all('update')).toHaveLength(1)
    client.send({ type: 'ack', channel, level: 'durable', seq })
    const mine = await client.next('update')
    await client.settled()
    expect([mine.seq, isReplicated]).toEqual([seq + 1, false])
    client.send({ type: 'ack', channel, level: 'durable', seq: mine.seq })
    await flushed
  })

  it('takes no room in the window of the peer before it is sent', async () => {
    const { a, ofA } = await replicaWithPeers()
    for (let key = 0; key < many; key++) ofA.set(`a ${key}`, 'a note')
    const client = await frameClient(a.addresses[0] as string, { ...hello, windowBytes: 4_096 })
    client.send({ type: 'peer', store: 'small', address: '', token: '' }, taken)
    const stateVector = emptyVector
    client.send({ type: 'open', channel: 1, document: notes, generation: 'g', stateVector })
    const { channel } = await client.next('announce')
    client.send({ type: 'resync', channel, stateVector }) // it has changed here meanwhile
    expect((await client.next('state')).update.length).toBeGreaterThan(4_096)
  })

  it('is sent as before to a peer that takes no announcements', async () => {
    const { client, bulk } = await replicaWithSpareLink()
    expect((await client.next('update', ({ update }) => update.length > 4_096)).update).toEqual(
      bulk,
    )
    expect(client.all('announce')).toEqual([])
  })
})

describe('three replicas that are all linked', () => {
  it('receive once what somebody brings', async () => {
    const time = manualTime()
    let copies = 0
    const transport = websocketTransport()
    const count = (message: Uint8Array) => {
      for (const frame of decodeMessage(message)) {
        if ('update' in frame && frame.update.length > 4_096) copies += 1
      }
    }
    const metered: typeof transport = {
      dial: async (address, options) => {
        const link = await transport.dial(address, options)
        return {
          start: ({ message, close }) =>
            link.start({
              message: bytes => {
                count(bytes)
                message(bytes)
              },
              close,
            }),
          send: bytes => {
            count(bytes)
            link.send(bytes)
          },
          pause: () => link.pause(),
          resume: () => link.resume(),
          close: (code, reason) => link.close(code, reason),
          get bufferedBytes() {
            return link.bufferedBytes
          },
        }
      },
    }
    const all: Replica[] = []
    for (const actor of ['a', 'b', 'c']) {
      const peers = all.flatMap(({ addresses }) => addresses)
      all.push(
        await openPeer(actor, { time, peers, transport: metered, links: { min: 2, max: 4 } }),
      )
    }
    const [ofA, ofB, ofC] = await Promise.all(all.map(replica => replica.open(scope, Notes)))
    await waitUntil(() => all.every(replica => linked(replica).length === 2))
    await Promise.all(all.map(replica => replica.synced()))
    ofA?.set('short', 'v')
    await waitUntil(() => ofB?.has('short') === true && ofC?.has('short') === true)
    await Promise.all(all.map(replica => replica.synced())) // the copies have crossed
    const peers = all[0]?.addresses ?? []
    const bringer = await openPeer('z', { time, peers, transport: metered })
    const ofBringer = await bringer.open(scope, Notes)
    bringer.disconnect()
    await waitUntil(() => linked(bringer).length === 0)
    for (let key = 0; key < many; key++) ofBringer.set(`z ${key}`, 'a note')
    bringer.connect()
    await waitUntil(() => [ofA, ofB, ofC].every(partition => partition?.size === many + 1))
    await Promise.all(all.map(replica => replica.synced()))
    expect(copies).toBe(all.length)
  })
})
