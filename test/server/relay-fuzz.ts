/**
 * Sends damaged messages of both dialects to a relay over sockets, by seed: damaged updates in
 * sound frames, made-up updates, damaged frames, and noise. A message that closes the socket is what
 * ends a round, so that those before it are looked at.
 */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { concatBytes } from '../../src/base/bytes.ts'
import { encodeFrame, type Frame, subprotocol } from '../../src/protocol/frame.ts'
import { encodeYWebsocketMessage } from '../../src/protocol/y-websocket.ts'
import { Chooser, randomHistory } from '../model/update-histories.ts'
import { madeUp, mutated } from '../model/update-mutations.ts'
import { emptyVector, hello } from './frame-client.ts'

export interface FuzzOptions {
  url: string
  seed: number
  /** How many messages to send. */
  messages: number
  /** Sockets at a time. */
  sockets?: number
}

export interface FuzzOutcome {
  readonly sent: number
  /** Their targets: updates of one history go to one document, as they would in earnest. */
  readonly documents: readonly string[]
  /** Rounds by the code that closed their sockets; 0 for those that the relay left open. */
  readonly closes: ReadonlyMap<number, number>
}

/** Damaged updates of a round, beside the last message. */
const roundMessages = 12

/** One history lasts for so many rounds. */
const historyRounds = 40

/** How long a relay may take for a round before it counts as stuck, in milliseconds. */
const stuckMilliseconds = 60_000

class Fuzzer {
  readonly #url: string
  readonly #choose: Chooser
  #seed: number
  #rounds = 0
  #updates: readonly Uint8Array[] = []
  #state: ReadonlyMap<number, number> = new Map()
  readonly closes = new Map<number, number>()
  readonly documents: string[] = []
  sent = 0

  constructor(url: string, seed: number) {
    this.#url = url
    this.#seed = seed
    this.#choose = new Chooser(seed)
  }

  async round(): Promise<void> {
    if (this.#rounds % historyRounds === 0) this.#nextHistory()
    this.#rounds += 1
    const messages = this.#choose.chance(60) ? this.#linkRound() : this.#stockRound()
    this.sent += messages.sent
    const code = await this.#play(messages)
    this.closes.set(code, (this.closes.get(code) ?? 0) + 1)
  }

  #nextHistory(): void {
    do {
      this.#seed += 1
      const { log, updates } = randomHistory(this.#seed % 2 ** 31, 15)
      this.#updates = [...log, ...updates]
    } while (this.#updates.length === 0)
    this.documents.push(`room:fuzz/history${this.#seed % 2 ** 31}`)
    const doc = new Y.Doc()
    for (const update of this.#updates) Y.applyUpdate(doc, update)
    this.#state = Y.decodeStateVector(Y.encodeStateVector(doc))
  }

  /**
   * The document of the next channel. Updates that are made up go to one of their own: that the
   * neighbours of an item stand in one list only the document itself can tell, so such lies may
   * spoil it, for those who may write it.
   */
  #target(): { document: string; update: () => Uint8Array } {
    const document = this.documents.at(-1) as string
    if (!this.#choose.chance(15)) return { document, update: () => this.#update() }
    return { document: `${document}-made-up`, update: () => madeUp(this.#choose, this.#state) }
  }

  #update(): Uint8Array {
    const choose = this.#choose
    if (choose.chance(15)) return choose.of(this.#updates)
    return mutated(choose, choose.of(this.#updates), choose.of(this.#updates))
  }

  #linkRound(): Round {
    const choose = this.#choose
    const frames: Frame[] = []
    for (let channel = 1; channel <= roundMessages; channel++) {
      const { document, update } = this.#target()
      const vector = this.#vector()
      const stateVector = choose.chance(98) ? emptyVector : mutated(choose, vector, vector)
      frames.push({ type: 'open', channel, document, generation: 'f', stateVector })
      frames.push({ type: 'state', channel, seq: 1, last: true, update: update() })
      if (choose.chance(30)) frames.push({ type: 'update', channel, seq: 2, update: update() })
      if (choose.chance(20)) frames.push(this.#oddFrame(channel))
      frames.push({ type: 'close', channel })
    }
    const sound = frames.map(encodeFrame)
    // Most rounds end with a message that is none, some go on to the end.
    const bad = choose.chance(50)
      ? mutated(choose, choose.of(sound), choose.of(sound))
      : noise(choose)
    const last = choose.chance(70) ? bad : encodeFrame({ type: 'pong', nonce: 1 })
    return {
      path: '/',
      protocols: [subprotocol],
      // Each channel waits for its welcome, so what is sent at once is ignored; twice is not.
      messages: [encodeFrame(hello), concatBytes(sound.slice(0, 1)), ...sound, last],
      ping: encodeFrame({ type: 'ping', nonce: 1 }),
      sent: sound.length + 1,
    }
  }

  #oddFrame(channel: number): Frame {
    const choose = this.#choose
    return choose.of<Frame>([
      { type: 'skip', channel, seq: choose.below(5) },
      { type: 'ack', channel, level: 'durable', seq: choose.below(9) },
      { type: 'nack', channel, seq: 0, code: 'X', retryable: false, message: '' },
      { type: 'resync', channel: choose.below(9), stateVector: this.#vector() },
      { type: 'token', token: 'x.y.z' },
      { type: 'pong', nonce: 1 },
    ])
  }

  #vector(): Uint8Array {
    return Y.encodeStateVector(this.#state as Map<number, number>)
  }

  #stockRound(): Round {
    const choose = this.#choose
    const messages = [encodeYWebsocketMessage({ type: 'sync-request', stateVector: emptyVector })]
    const { document, update } = this.#target()
    // The first invalid update closes a stock socket.
    for (let count = 1 + choose.below(3); count > 0; count--) {
      const kind = choose.of(['update', 'sync-answer'] as const)
      messages.push(encodeYWebsocketMessage({ type: kind, update: update() }))
    }
    const payload = mutated(choose, awareness, this.#vector())
    messages.push(encodeYWebsocketMessage({ type: 'awareness', payload }))
    messages.push(mutated(choose, choose.of(messages), choose.of(messages)))
    const path = `/${document}`
    const ping = encodeYWebsocketMessage({ type: 'query-awareness' })
    return { path, protocols: [], messages, ping, sent: messages.length }
  }

  /** Answers the code with which the relay closed the socket, or 0 when it answers still. */
  async #play({ path, protocols, messages, ping }: Round): Promise<number> {
    const socket = new WebSocket(this.#url + path, protocols)
    socket.on('error', () => undefined) // `close` follows and says it
    const closed = once(socket, 'close').then(([code]) => code as number)
    const opened = once(socket, 'open')
    await Promise.race([opened, closed])
    for (const [index, message] of messages.entries()) {
      if (socket.readyState !== WebSocket.OPEN) break
      socket.send(message)
      // So that the channels that were opened are welcomed before more arrives on them.
      if (index % 3 === 1) await new Promise(resolve => setImmediate(resolve))
    }
    if (socket.readyState === WebSocket.OPEN) socket.send(ping)
    socket.ping()
    const alive = once(socket, 'pong').then(() => 0)
    let timer: NodeJS.Timeout | undefined
    const stuck = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('the relay is stuck')), stuckMilliseconds)
    })
    try {
      return await Promise.race([closed, alive, stuck])
    } finally {
      clearTimeout(timer)
      socket.terminate()
    }
  }
}

interface Round {
  readonly path: string
  readonly protocols: string[]
  readonly messages: readonly Uint8Array[]
  readonly ping: Uint8Array
  readonly sent: number
}

const awareness = Uint8Array.of(1, 5, 1, 7, ...new TextEncoder().encode('{"a":1}'))

function noise(choose: Chooser): Uint8Array {
  return Uint8Array.from({ length: choose.below(60) }, () => choose.below(256))
}

/** Runs the rounds; rejects when the relay is stuck or gone. */
export async function fuzzRelay(options: FuzzOptions): Promise<FuzzOutcome> {
  const { url, seed, messages, sockets = 2 } = options
  const closes = new Map<number, number>()
  const documents: string[] = []
  let sent = 0
  const lanes = Array.from({ length: sockets }, async (_, lane) => {
    const fuzzer = new Fuzzer(url, seed + lane * 1_000_003)
    while (fuzzer.sent < messages / sockets) await fuzzer.round()
    sent += fuzzer.sent
    documents.push(...fuzzer.documents)
    for (const [code, count] of fuzzer.closes) closes.set(code, (closes.get(code) ?? 0) + count)
  })
  await Promise.all(lanes)
  return { sent, documents, closes }
}
