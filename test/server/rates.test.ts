/** What a connection sends faster than it may. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { silentMeter } from '../../server/meter.ts'
import { defaultRelayLimits } from '../../server/relay-options.ts'
import { nextTurn, systemTime } from '../../src/base/time.ts'
import { TokenBucket } from '../../src/base/token-bucket.ts'
import { definePartition, openReplica, type Replica, room } from '../../src/index.ts'
import type { Frame } from '../../src/protocol/frame.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import { type ManualTime, manualTime } from '../support/manual-time.ts'
import { waitUntil } from '../support/wait-until.ts'
import { frameClient, openFrame, stateFrame, updateFrame } from './frame-client.ts'
import { runningRelay, standingStill } from './running-relay.ts'
import { stockClient, synced } from './stock-clients.ts'
import { textOf, writer } from './writer.ts'

const Notes = definePartition<string>({ name: 'notes', policy: 'last-write-wins' })

async function replicaOf(relay: string): Promise<Replica> {
  const replica = await openReplica({ actor: 'a', storage: createMemoryStorage(), relay })
  onTestFinished(() => replica.close())
  return replica
}

const isDurable = ({ level }: { level: string }) => level === 'durable'

/** Lets time pass in steps that sockets can follow, until something has happened. */
async function passing<Result>(time: ManualTime, awaited: Promise<Result>): Promise<Result> {
  let isOver = false
  const over = awaited.finally(() => {
    isOver = true
  })
  while (!isOver) {
    await time.advanceAsync(100)
    await nextTurn(systemTime)
  }
  return over
}

/** An update by a client that has not written before. */
function firstUpdate(client: number, text = 'x'): Uint8Array {
  return writer(client).append(text)
}

describe('too many updates a second', () => {
  test('wait for their turn, and hold up nobody else', async () => {
    const time = manualTime()
    const limits = { ...standingStill, updatesPerSecondMax: 5 }
    const { url, relay, events } = await runningRelay({ time, limits })
    const client = await frameClient(url)
    const other = await frameClient(url)
    const { append } = writer(1)
    await client.open('doc')
    await other.open('other')
    client.send(stateFrame(append('1')))
    // The burst is two seconds' worth, and the hello took one.
    for (let seq = 2; seq <= 25; seq++) client.send(updateFrame(seq, append(`${seq % 10}`)))
    await client.next('ack', ack => isDurable(ack) && ack.seq === 9)
    other.send(stateFrame(firstUpdate(7)))
    await other.next('ack', isDurable)
    expect(relay.gauges().throttled).toBe(1)
    const { doc } = await other.open('doc', 2)
    expect(doc.getText('text').length).toBe(9)
    await passing(
      time,
      client.next('ack', ack => isDurable(ack) && ack.seq === 25),
    )
    expect(client.all('nack')).toEqual([])
    expect(relay.gauges().throttled).toBe(0)
    const told = events.filter(({ level }) => level !== 'info')
    expect(told).toMatchObject([{ event: 'throttled', code: 'RATE_LIMITED', connection: 1 }])
  })

  test('of a replica become fewer, and it is told nothing of it', async () => {
    const time = manualTime()
    let arrived = 0
    const meter = { ...silentMeter, update: () => (arrived += 1) }
    const limits = { ...standingStill, updatesPerSecondMax: 50 }
    const { url, relay, events } = await runningRelay({ time, limits, meter })
    const [ours, theirs] = [await replicaOf(url), await replicaOf(url)]
    const [notes, seen] = [await ours.open(room('r1'), Notes), await theirs.open(room('r1'), Notes)]
    const rejected: unknown[] = []
    ours.on('rejected', ({ error }) => rejected.push(error))
    for (let count = 0; count < 1000; count++) {
      notes.set(`key-${count}`, 'x')
      await nextTurn(systemTime) // which makes each an update
    }
    await waitUntil(() => relay.gauges().throttled === 1)
    await passing(time, ours.flush())
    await passing(time, theirs.synced())
    expect(seen.size).toBe(1000)
    expect(arrived).toBeLessThan(400)
    expect(rejected).toEqual([])
    expect(ours.status.error).toBeUndefined()
    expect(events.map(({ event }) => event)).not.toContain('disconnected')
  })

  test('of a stock socket wait, too', async () => {
    const time = manualTime()
    const limits = { ...standingStill, updatesPerSecondMax: 20 }
    const { url, relay, events } = await runningRelay({ time, limits })
    const [client, reader] = [stockClient(url, 'doc'), stockClient(url, 'doc')]
    await Promise.all([synced(client), synced(reader)])
    for (let count = 0; count < 100; count++) client.doc.getText('text').insert(0, 'x')
    await waitUntil(() => relay.gauges().throttled === 1)
    const arrival = waitUntil(() => reader.doc.getText('text').length === 100)
    await passing(time, arrival)
    expect(events.map(({ event }) => event)).not.toContain('disconnected')
  })

  test('without end close a stock socket with 1013, and the rest comes with the next sync', async () => {
    const time = manualTime()
    const limits = { ...standingStill, updatesPerSecondMax: 20 }
    const { url, relay, events } = await runningRelay({ time, limits })
    const [client, reader] = [stockClient(url, 'doc'), stockClient(url, 'doc')]
    await Promise.all([synced(client), synced(reader)])
    for (let count = 0; count < 5_000; count++) client.doc.getText('text').insert(0, 'x')
    await waitUntil(() => relay.gauges().throttled === 1)
    await passing(
      time,
      waitUntil(() => reader.doc.getText('text').length === 5_000),
    )
    const closed = events.filter(({ event }) => event === 'disconnected')
    expect(closed).toMatchObject([{ code: 1013 }])
    expect(events.filter(({ event }) => event === 'throttled')).toHaveLength(1)
  })
})

test('too many bytes a second wait, and one update may be larger than that', async () => {
  const time = manualTime()
  const limits = { ...standingStill, bytesPerSecondMax: 1000 }
  const { url, relay } = await runningRelay({ time, limits })
  const client = await frameClient(url)
  await client.open('doc')
  const { append } = writer(1)
  client.send(stateFrame(append('x'.repeat(5000))))
  client.send(updateFrame(2, append('x')))
  await client.next('ack', isDurable)
  await waitUntil(() => relay.gauges().throttled === 1)
  await time.advanceAsync(2_500)
  expect(relay.gauges().throttled).toBe(1)
  await time.advanceAsync(1_000)
  await client.next('ack', ack => isDurable(ack) && ack.seq === 2)
})

describe('a link that is throttled', () => {
  /** One that has sent eight updates, of which one is taken in every 20 s. */
  async function throttled(storage = createMemoryStorage()) {
    const time = manualTime()
    const running = await runningRelay({ storage, time, limits: { updatesPerSecondMax: 0.01 } })
    const client = await frameClient(running.url)
    await client.open('doc')
    const { append } = writer(1)
    client.send(stateFrame(append('1')))
    for (let seq = 2; seq <= 8; seq++) client.send(updateFrame(seq, append(`${seq}`)))
    await waitUntil(() => running.relay.gauges().throttled === 1)
    return { ...running, time, client }
  }

  test('is not taken for dead, however long it takes', async () => {
    const { client, time, events } = await throttled()
    await passing(
      time,
      client.next('ack', ack => isDurable(ack) && ack.seq === 8),
    )
    expect(time.monotonic()).toBeGreaterThan(defaultRelayLimits.deadMilliseconds)
    expect(events.map(({ event }) => event)).not.toContain('disconnected')
    await passing(time, client.closed)
    expect(events).toContainEqual(expect.objectContaining({ event: 'disconnected', code: 4508 }))
  })

  test('may close, and is gone when it is read on', async () => {
    const { client, time, relay } = await throttled()
    client.webSocket.close()
    await passing(
      time,
      waitUntil(() => relay.health().connections === 0),
    )
  })

  test('does not hold up the end of the relay, which commits what it has taken in', async () => {
    const storage = createMemoryStorage()
    const { relay, client, time } = await throttled(storage)
    await passing(time, client.next('ack', isDurable))
    await relay.close()
    expect(await client.closed).toBe(1012)
    const { updates } = await storage.load('doc')
    expect(textOf(...updates.map(({ update: stored }) => stored))).toBe('1')
  })
})

test.each<[string, Frame]>([
  ['pings', { type: 'ping', nonce: 1 }],
  ['joins', openFrame('doc')],
])('a flood of %s is not read, and others are served', async (_, frame) => {
  const limits = { ...standingStill, updatesPerSecondMax: 50, joinsPerSecondMax: 1, channelsMax: 5 }
  const { url, relay } = await runningRelay({ time: manualTime(), limits })
  const [client, other] = [await frameClient(url), await frameClient(url)]
  for (let batch = 0; batch < 100; batch++) client.send(...Array<Frame>(30_000).fill(frame))
  await waitUntil(() => relay.gauges().throttled === 1)
  await other.open('other')
  await other.settled()
  // The rest waits at its sender, and where the network keeps it.
  expect(client.webSocket.readyState).toBe(WebSocket.OPEN)
})

test('opens beyond the rate wait, in their order, and are answered later', async () => {
  const limits = { ...standingStill, joinsPerSecondMax: 2, channelsMax: 2 }
  const time = manualTime()
  const { url } = await runningRelay({ time, limits })
  const [client, other] = [await frameClient(url), await frameClient(url)]
  for (const channel of [1, 2]) {
    await client.open(`doc${channel}`, channel)
    client.send({ type: 'close', channel })
  }
  client.send(openFrame('doc3', 3), { type: 'ping', nonce: 7 })
  await other.settled()
  expect([client.all('state').length, client.all('pong').length]).toEqual([2, 0])
  await time.advanceAsync(600)
  await client.next('pong')
  expect(client.all('state')).toHaveLength(3)
})

describe('a token bucket', () => {
  test('gives its burst at once, and then what has come in', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 5 }, 0)
    for (let count = 0; count < 5; count++) expect(bucket.take(1, 0)).toBe(true)
    expect(bucket.take(1, 0)).toBe(false)
    expect(bucket.take(1, 99)).toBe(false)
    expect(bucket.take(1, 100)).toBe(true)
    expect(bucket.take(6, 100_000)).toBe(false)
    expect(bucket.take(5, 100_000)).toBe(true)
    // A clock that stood still, or went back, gives nothing.
    expect(bucket.take(1, 99_000)).toBe(false)
  })

  test('may be overdrawn while there is anything, and then owes for a bounded time', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 5 }, 0)
    bucket.spend(15)
    expect(bucket.affords(1_000)).toBe(false)
    expect(bucket.affords(1_001)).toBe(true)
    bucket.spend(1_000_000)
    expect(bucket.affords(21_000)).toBe(false)
    expect(bucket.affords(21_002)).toBe(true)
  })
})
