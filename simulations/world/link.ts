/**
 * One end of a link in a world, as a TCP connection carries it: messages in order and once, until
 * the link closes; an end whose process has died says nothing and hears nothing.
 */
import { pooledCopy } from '../../server/pooled-copy.ts'
import { assert, present } from '../../src/base/assert.ts'
import {
  assertCloseCode,
  brokenCode,
  cutReason,
  type LinkSide,
  tooLongCode,
} from '../../src/transport/close-code.ts'
import type { Link, LinkHandlers } from '../../src/transport/transport.ts'
import type { Ending, Packet, Pipe } from './pipe.ts'
import type { SimulatedProcess } from './process.ts'

/** An end that closes and hears nothing gives the link up, as `ws` does. */
const closeMillisecondsMax = 30_000

export interface SimulatedLinkOptions {
  process: SimulatedProcess
  side: LinkSide
  messageBytesMax: number
  /** Sees every message that is sent. */
  onSent(message: Uint8Array): void
  /** The end is closed, or its process died. */
  onGone(): void
}

export class SimulatedLink implements Link {
  readonly process: SimulatedProcess
  readonly #options: SimulatedLinkOptions
  #outgoing: Pipe | undefined
  #incoming: Pipe | undefined
  #handlers: LinkHandlers | undefined
  #state: 'open' | 'closing' | 'closed' = 'open'
  #ownEnding: Ending | undefined
  #brokenEarly = false
  #paused = false
  #cancelGivingUp: (() => void) | undefined

  constructor(options: SimulatedLinkOptions) {
    this.#options = options
    this.process = options.process
    this.process.onDeath(() => this.#died())
  }

  connect(outgoing: Pipe, incoming: Pipe): void {
    this.#outgoing = outgoing
    this.#incoming = incoming
  }

  get bufferedBytes(): number {
    return this.#outgoing?.bytes ?? 0
  }

  /** Whether packets can be handed to it. */
  get ready(): boolean {
    if (!this.process.alive) return true
    return this.#handlers !== undefined && !(this.#paused && this.#state === 'open')
  }

  get isOpen(): boolean {
    return this.#state === 'open' && this.process.alive
  }

  start(handlers: LinkHandlers): void {
    assert(this.#handlers === undefined, 'a link is started once')
    this.#handlers = handlers
    this.#incoming?.resume()
    if (!this.#brokenEarly) return
    this.process.world.after(0, 'link was broken', () => this.breakOff())
  }

  send(message: Uint8Array): void {
    if (!this.isOpen) return
    const bytes = pooledCopy(message, message.length)
    this.#options.onSent(bytes)
    this.#send({ kind: 'message', bytes })
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#incoming?.resume()
  }

  close(code: number, reason: string): void {
    assertCloseCode(code, this.#options.side)
    this.#close({ code, reason: cutReason(reason) })
  }

  /** A packet has arrived. */
  receive(packet: Packet): void {
    if (this.#state === 'closed') return
    if (!this.process.alive) {
      if (packet.kind !== 'broken') this.#send({ kind: 'broken' })
      return
    }
    switch (packet.kind) {
      case 'message':
        return this.#receiveMessage(packet.bytes)
      case 'ending':
        this.#send({ kind: 'echo' })
        return this.#closed(packet.ending)
      case 'echo':
        return this.#closed(present(this.#ownEnding, 'an echo answers an ending'))
      case 'broken':
        return this.breakOff()
    }
  }

  /** The connection is found to be broken; one that is not started hears of it when it is. */
  breakOff(): void {
    if (this.#state === 'closed' || !this.process.alive) return
    this.#brokenEarly = this.#handlers === undefined
    if (!this.#brokenEarly) this.#closed({ code: brokenCode, reason: '' })
  }

  #receiveMessage(bytes: Uint8Array): void {
    if (this.#state !== 'open') return
    if (bytes.length > this.#options.messageBytesMax) {
      this.#close({ code: tooLongCode, reason: 'a message that is too long' })
    } else {
      this.#handlers?.message(bytes)
    }
  }

  #close(ending: Ending): void {
    if (!this.isOpen) return
    this.#state = 'closing'
    this.#ownEnding = ending
    this.#send({ kind: 'ending', ending })
    this.#incoming?.resume()
    const { world } = this.process
    this.#cancelGivingUp = world.after(closeMillisecondsMax, 'close gives up', () =>
      this.breakOff(),
    )
  }

  #closed({ code, reason }: Ending): void {
    this.#state = 'closed'
    this.#cancelGivingUp?.()
    this.#options.onGone()
    this.#handlers?.close(code, reason)
  }

  #died(): void {
    if (this.#state === 'closed') return
    this.#cancelGivingUp?.()
    this.#options.onGone()
    this.#send({ kind: 'broken' })
  }

  #send(packet: Packet): void {
    present(this.#outgoing, 'an end is connected when it is made').send(packet)
  }
}
