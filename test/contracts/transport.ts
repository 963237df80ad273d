/**
 * What every transport promises (`src/transport/transport.ts`), as a suite that each one adopts
 * with `describeTransport(name, makeEnvironment)`.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { concatBytes } from '../../src/base/bytes.ts'
import type { DialOptions, Link, Transport } from '../../src/transport/transport.ts'

export interface TransportEnvironment {
  readonly transport: Transport
  /** Where links are accepted; each is handed to `onLink`, in the order of the dials. */
  listen(
    onLink: (link: Link) => void,
    options: { messageBytesMax: number },
  ): Promise<{ address: string }>
  /** An address of this transport where nobody listens. */
  readonly deadAddress: string
  /** Ends everything. */
  close(): Promise<void>
}

export const dialOptions: DialOptions = { messageBytesMax: 2 ** 23, timeoutMilliseconds: 30_000 }

/** A link's handlers that remember, and promises for what they are told. */
export class Recorder {
  readonly messages: Uint8Array[] = []
  readonly closes: { code: number; reason: string }[] = []
  /** Calls that came after the close. */
  late = 0
  readonly closed: Promise<void>
  readonly #onClosed: () => void
  #waiting: { count: number; resolve: () => void } | undefined

  constructor(link?: Link) {
    const { promise, resolve } = deferred()
    this.closed = promise
    this.#onClosed = resolve
    if (link !== undefined) this.record(link)
  }

  record(link: Link): void {
    link.start({
      message: message => {
        if (this.closes.length > 0) this.late += 1
        this.messages.push(message)
        if (this.#waiting && this.messages.length >= this.#waiting.count) this.#waiting.resolve()
      },
      close: (code, reason) => {
        if (this.closes.length > 0) this.late += 1
        this.closes.push({ code, reason })
        this.#onClosed()
      },
    })
  }

  received(count: number): Promise<void> {
    if (this.messages.length >= count) return Promise.resolve()
    const { promise, resolve } = deferred()
    this.#waiting = { count, resolve }
    return promise
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>(done => {
    resolve = done
  })
  return { promise, resolve }
}

/** Bytes that tell their position, so that a shift or a cut shows. */
export function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let index = 0; index < length; index++) bytes[index] = (index * 31 + (index >> 8)) & 0xff
  return bytes
}

/** Both ends of a fresh link, not started. */
export async function openPair(
  environment: TransportEnvironment,
  limits: { acceptedMessageBytesMax?: number; dialledMessageBytesMax?: number } = {},
): Promise<{ dialled: Link; accepted: Link }> {
  let accept: (link: Link) => void = () => {}
  const acceptedLink = new Promise<Link>(resolve => {
    accept = resolve
  })
  const { address } = await environment.listen(accept, {
    messageBytesMax: limits.acceptedMessageBytesMax ?? dialOptions.messageBytesMax,
  })
  const dialled = await environment.transport.dial(address, {
    ...dialOptions,
    messageBytesMax: limits.dialledMessageBytesMax ?? dialOptions.messageBytesMax,
  })
  return { dialled, accepted: await acceptedLink }
}

type Side = 'dialled' | 'accepted'
const directions: readonly { from: Side; to: Side }[] = [
  { from: 'dialled', to: 'accepted' },
  { from: 'accepted', to: 'dialled' },
]

export function describeTransport(
  name: string,
  makeEnvironment: () => Promise<TransportEnvironment>,
): void {
  describe(`${name} as a transport`, () => {
    let environment: TransportEnvironment
    beforeEach(async () => {
      environment = await makeEnvironment()
    })
    afterEach(() => environment.close())

    describe.each(directions)('from the $from to the $to end', ({ from, to }) => {
      describeMessages(() => environment, from, to)
      describeClosing(() => environment, from, to)
      describeLimits(() => environment, from, to)
    })
    describeBothClosing(() => environment)
    describeDialling(() => environment)
  })
}

function describeMessages(environment: () => TransportEnvironment, from: Side, to: Side): void {
  it('delivers all messages once and in order', async () => {
    const pair = await openPair(environment())
    const receiver = new Recorder(pair[to])
    const sent = Array.from({ length: 1000 }, (_, index) => Uint8Array.of(index >> 8, index & 255))
    for (const [index, message] of sent.entries()) {
      pair[from].send(message)
      if (index % 100 === 0) await Promise.resolve()
    }
    await receiver.received(sent.length)
    expect(concatBytes(receiver.messages)).toEqual(concatBytes(sent))
  })

  it('keeps what came before start, and delivers it after start has returned', async () => {
    const pair = await openPair(environment())
    const back = new Recorder(pair[from])
    pair[from].send(Uint8Array.of(1))
    pair[from].send(Uint8Array.of(2))
    // An answer that crosses the link shows that the messages had time to arrive.
    pair[to].send(Uint8Array.of(9))
    await back.received(1)
    const receiver = new Recorder()
    receiver.record(pair[to])
    expect(receiver.messages).toEqual([])
    pair[from].send(Uint8Array.of(3))
    await receiver.received(3)
    expect(receiver.messages.map(message => [...message])).toEqual([[1], [2], [3]])
  })

  it('carries any bytes, from none to 4 MB', async () => {
    const pair = await openPair(environment())
    const receiver = new Recorder(pair[to])
    const sent = [0, 1, 125, 126, 127, 65_535, 65_536, 4 * 2 ** 20].map(pattern)
    for (const message of sent) pair[from].send(message)
    await receiver.received(sent.length)
    expect(receiver.messages.map(message => message.length)).toEqual(sent.map(m => m.length))
    for (const [index, message] of sent.entries()) {
      expect(Buffer.compare(receiver.messages[index] as Uint8Array, message)).toBe(0)
    }
  })

  it('gives the receiver bytes of its own', async () => {
    const pair = await openPair(environment())
    const receiver = new Recorder(pair[to])
    const message = Uint8Array.of(1, 2, 3)
    pair[from].send(message.subarray(1))
    pair[from].send(message.subarray(1))
    await receiver.received(2)
    receiver.messages[0]?.fill(0)
    expect([...message]).toEqual([1, 2, 3])
    expect([...(receiver.messages[1] as Uint8Array)]).toEqual([2, 3])
  })

  it('delivers no more than it has read while it is paused, and then the rest', async () => {
    const pair = await openPair(environment())
    const receiver = new Recorder(pair[to])
    const sender = new Recorder(pair[from])
    pair[from].send(pattern(1))
    await receiver.received(1)
    pair[to].pause()
    for (let count = 0; count < 64; count++) pair[from].send(pattern(2 ** 20))
    pair[to].send(pattern(1)) // the other way is open
    await sender.received(1)
    await settle(environment())
    expect(receiver.messages.length).toBeLessThan(8)
    expect(pair[from].bufferedBytes).toBeGreaterThan(2 ** 20)
    pair[to].resume()
    await receiver.received(65)
    pair[to].send(pattern(1))
    await sender.received(2)
    expect(pair[from].bufferedBytes).toBe(0)
  })

  it('can be closed while it is paused', async () => {
    const pair = await openPair(environment())
    const ends = [new Recorder(pair[to]), new Recorder(pair[from])]
    pair[to].pause()
    pair[from].send(pattern(1))
    pair[to].close(4001, 'enough')
    await Promise.all(ends.map(end => end.closed))
    for (const end of ends) expect(end.closes).toEqual([{ code: 4001, reason: 'enough' }])
  })

  it('counts what has not left yet', async () => {
    const pair = await openPair(environment())
    const receiver = new Recorder(pair[to])
    expect(pair[from].bufferedBytes).toBe(0)
    pair[from].send(pattern(100_000))
    expect(pair[from].bufferedBytes).toBeGreaterThanOrEqual(100_000)
    const back = new Recorder(pair[from])
    await receiver.received(1)
    pair[to].send(Uint8Array.of(1))
    await back.received(1)
    expect(pair[from].bufferedBytes).toBe(0)
  })
}

function describeClosing(environment: () => TransportEnvironment, from: Side, to: Side): void {
  it.each([
    [1000, ''],
    [3000, 'done'],
    [4400, 'ungültig'],
    [4999, 'x'.repeat(123)],
  ])('tells both ends once that it was closed with %i', async (code, reason) => {
    const pair = await openPair(environment())
    const ends = [new Recorder(pair.dialled), new Recorder(pair.accepted)]
    pair[from].close(code, reason)
    pair[from].close(4001, 'again')
    await Promise.all(ends.map(end => end.closed))
    pair.dialled.close(4002, 'late')
    pair.accepted.close(4003, 'late')
    await settle(environment())
    for (const end of ends) expect(end.closes).toEqual([{ code, reason }])
  })

  it('cuts a reason that is too long to whole characters', async () => {
    const pair = await openPair(environment())
    const ends = [new Recorder(pair.dialled), new Recorder(pair.accepted)]
    pair[from].close(4400, 'ü'.repeat(100))
    await Promise.all(ends.map(end => end.closed))
    for (const end of ends) expect(end.closes[0]?.reason).toBe('ü'.repeat(61))
  })

  it('delivers what was sent before the close, and drops what is sent after it', async () => {
    const pair = await openPair(environment())
    const receiver = new Recorder(pair[to])
    const sender = new Recorder(pair[from])
    for (let index = 0; index < 100; index++) pair[from].send(Uint8Array.of(index))
    pair[from].close(1000, '')
    pair[from].send(Uint8Array.of(200))
    await Promise.all([receiver.closed, sender.closed])
    pair[from].send(Uint8Array.of(201))
    pair[to].send(Uint8Array.of(202))
    await settle(environment())
    expect(receiver.messages.map(([byte]) => byte)).toEqual([...Array(100).keys()])
    expect(sender.messages).toEqual([])
    expect(receiver.late + sender.late).toBe(0)
  })

  it('delivers nothing here once it was closed here', async () => {
    const pair = await openPair(environment())
    const closer = new Recorder(pair[to])
    const sender = new Recorder(pair[from])
    for (let index = 0; index < 100; index++) pair[from].send(pattern(1000))
    await closer.received(1)
    const before = closer.messages.length
    pair[to].close(1000, '')
    await Promise.all([closer.closed, sender.closed])
    await settle(environment())
    expect(closer.messages.length).toBe(before)
    expect(closer.late + sender.late).toBe(0)
  })

  it('tells an end that starts later of the messages first and then of the close', async () => {
    const pair = await openPair(environment())
    const sender = new Recorder(pair[from])
    pair[from].send(Uint8Array.of(1))
    pair[from].close(4001, 'bye')
    await settle(environment())
    const receiver = new Recorder(pair[to])
    await Promise.all([receiver.closed, sender.closed])
    expect(receiver.messages.map(message => [...message])).toEqual([[1]])
    expect(receiver.closes).toEqual([{ code: 4001, reason: 'bye' }])
  })

  it('can be closed before it is started', async () => {
    const pair = await openPair(environment())
    const other = new Recorder(pair[to])
    pair[to].send(Uint8Array.of(1))
    pair[from].close(4001, 'no')
    await other.closed
    const closer = new Recorder(pair[from])
    await closer.closed
    expect(closer).toMatchObject({ messages: [], closes: [{ code: 4001, reason: 'no' }] })
  })

  it('refuses codes that are only ever received', async () => {
    const pair = await openPair(environment())
    for (const code of [0, 999, 1003, 1005, 1006, 1009, 1015, 2999, 5000, 4000.5]) {
      expect(() => pair[from].close(code, '')).toThrow('cannot be closed')
    }
  })
}

function describeLimits(environment: () => TransportEnvironment, from: Side, to: Side): void {
  it('takes a message of messageBytesMax, and closes with 1009 at a longer one', async () => {
    const pair = await openPair(environment(), { [`${to}MessageBytesMax`]: 1000 })
    const receiver = new Recorder(pair[to])
    const sender = new Recorder(pair[from])
    pair[from].send(pattern(1000))
    pair[from].send(pattern(1001))
    pair[from].send(pattern(1))
    await Promise.all([receiver.closed, sender.closed])
    expect(receiver.messages.map(message => message.length)).toEqual([1000])
    expect(receiver.closes.map(({ code }) => code)).toEqual([1009])
    expect(sender.closes.map(({ code }) => code)).toEqual([1009])
  })
}

function describeBothClosing(environment: () => TransportEnvironment): void {
  it('gives each end the code of the other when both close at once', async () => {
    const pair = await openPair(environment())
    const ends = { dialled: new Recorder(pair.dialled), accepted: new Recorder(pair.accepted) }
    pair.dialled.close(4001, 'a')
    pair.accepted.close(4002, 'b')
    await Promise.all([ends.dialled.closed, ends.accepted.closed])
    expect(ends.dialled.closes).toEqual([{ code: 4002, reason: 'b' }])
    expect(ends.accepted.closes).toEqual([{ code: 4001, reason: 'a' }])
  })

  it.each([1001, 1011, 1012, 1013])('lets only the accepting end close with %i', async code => {
    const pair = await openPair(environment())
    const ends = [new Recorder(pair.dialled), new Recorder(pair.accepted)]
    expect(() => pair.dialled.close(code, '')).toThrow('cannot be closed')
    pair.accepted.close(code, 'later')
    await Promise.all(ends.map(end => end.closed))
    for (const end of ends) expect(end.closes).toEqual([{ code, reason: 'later' }])
  })
}

function describeDialling(environment: () => TransportEnvironment): void {
  it('fails with LINK_FAILED where nobody listens', async () => {
    const { transport, deadAddress } = environment()
    await expect(transport.dial(deadAddress, dialOptions)).rejects.toMatchObject({
      code: 'LINK_FAILED',
    })
  })

  it.each(['', 'elsewhere', 'ftp://127.0.0.1/'])('refuses the address "%s"', async address => {
    await expect(environment().transport.dial(address, dialOptions)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
    })
  })

  it('holds many links at once, each with its own messages', async () => {
    // Every accepted end sends back what it gets.
    const { address } = await environment().listen(
      link => link.start({ message: message => link.send(message), close: () => {} }),
      { messageBytesMax: 1000 },
    )
    const links = await Promise.all(
      Array.from({ length: 100 }, () => environment().transport.dial(address, dialOptions)),
    )
    const recorders = links.map(link => new Recorder(link))
    for (const [index, link] of links.entries()) {
      for (let round = 0; round < 10; round++) link.send(Uint8Array.of(index, round))
    }
    await Promise.all(recorders.map(recorder => recorder.received(10)))
    for (const [index, { messages }] of recorders.entries()) {
      const expected = Array.from({ length: 10 }, (_, round) => [index, round])
      expect(messages.map(message => [...message])).toEqual(expected)
    }
  })
}

/** Lets whatever is still under way arrive: a message on another link goes there and back. */
async function settle(environment: TransportEnvironment): Promise<void> {
  const pair = await openPair(environment)
  const ends = { dialled: new Recorder(pair.dialled), accepted: new Recorder(pair.accepted) }
  for (let round = 1; round <= 3; round++) {
    pair.dialled.send(Uint8Array.of(round))
    await ends.accepted.received(round)
    pair.accepted.send(Uint8Array.of(round))
    await ends.dialled.received(round)
  }
}
