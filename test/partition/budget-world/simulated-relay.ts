/**
 * A relay of the false world: takes updates, makes them durable after a while, then acks and
 * forwards them. An ack may overtake what is being forwarded. An older backup may take over.
 */
import * as Y from 'yjs'
import { type RandomSource, randomId } from '../../../src/base/random.ts'
import type { TimeSource } from '../../../src/base/time.ts'

/** A replica's end of a link. */
export interface RelayClient {
  /** The link is up, to a store of this generation. */
  linked(generation: string): void
  receive(update: Uint8Array): void
  /** Everything sent up to this number is durable at the relay. */
  acked(sequence: number): void
  unlinked(): void
}

export interface RelayLink {
  send(update: Uint8Array, sequence: number): void
  /** Calls back once the client holds all that was durable here when this arrived. */
  fence(passed: () => void): void
  cut(): void
}

interface Session {
  readonly client: RelayClient
  open: boolean
  /** When the last thing sent up will have arrived: a link keeps its order. */
  upUntil: number
  downUntil: number
}

export interface RelayOptions {
  time: TimeSource
  random: RandomSource
  /** Whether a backup that takes over says so; false is a planted fault. */
  tellsSwaps: boolean
}

export class SimulatedRelay {
  readonly #options: RelayOptions
  #store = new Y.Doc()
  #generation: string
  #backup: Uint8Array
  #sessions = new Set<Session>()

  constructor(options: RelayOptions) {
    this.#options = options
    this.#generation = randomId(options.random)
    this.#backup = Y.encodeStateAsUpdate(this.#store)
  }

  connect(client: RelayClient): RelayLink {
    const session: Session = { client, open: true, upUntil: 0, downUntil: 0 }
    this.#sessions.add(session)
    this.#down(session, () => client.linked(this.#generation))
    this.#forward(session, Y.encodeStateAsUpdate(this.#store))
    return {
      send: (update, sequence) => {
        this.#up(session, () => this.#commit(session, update, sequence))
      },
      fence: passed => {
        this.#up(session, () => {
          this.#forward(session, Y.encodeStateAsUpdate(this.#store))
          this.#down(session, passed)
        })
      },
      cut: () => this.#cut(session),
    }
  }

  /** Remembers the store as it is, for `restore`. */
  backUp(): void {
    this.#backup = Y.encodeStateAsUpdate(this.#store)
  }

  /** The last backup takes the place of the store; all links are cut. */
  restore(): void {
    for (const session of [...this.#sessions]) this.#cut(session)
    this.#store = new Y.Doc()
    Y.applyUpdate(this.#store, this.#backup)
    if (this.#options.tellsSwaps) this.#generation = randomId(this.#options.random)
  }

  #cut(session: Session): void {
    if (!session.open) return
    session.open = false
    this.#sessions.delete(session)
    session.client.unlinked()
  }

  /** Everything else waits for a commit, but a crash between is the same as a slower link. */
  #commit(sender: Session, update: Uint8Array, sequence: number): void {
    Y.applyUpdate(this.#store, update)
    for (const session of this.#sessions) {
      if (session !== sender) this.#forward(session, update)
    }
    this.#options.time.after(this.#latency(), () => {
      if (sender.open) sender.client.acked(sequence)
    })
  }

  #forward(session: Session, update: Uint8Array): void {
    this.#down(session, () => session.client.receive(update))
    // Now and then a thing arrives twice.
    if (this.#options.random.uint32() % 10 === 0) {
      this.#down(session, () => session.client.receive(update))
    }
  }

  #up(session: Session, arrive: () => void): void {
    session.upUntil = this.#later(session, session.upUntil, arrive)
  }

  #down(session: Session, arrive: () => void): void {
    session.downUntil = this.#later(session, session.downUntil, arrive)
  }

  #later(session: Session, notBefore: number, arrive: () => void): number {
    const { time } = this.#options
    const now = time.monotonic()
    const due = Math.max(notBefore, now + this.#latency())
    time.after(due - now, () => {
      if (session.open) arrive()
    })
    return due
  }

  /** Mostly quick, now and then slow. */
  #latency(): number {
    const draw = this.#options.random.uint32()
    return draw % 8 === 0 ? (draw >>> 8) % 400 : (draw >>> 8) % 15
  }
}
