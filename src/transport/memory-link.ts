/**
 * A link within one process, as a pair of ends. It delivers later and in order, as a socket does,
 * and each end gets its own copy of what was sent.
 */
import { assert, present } from '../base/assert.ts'
import { assertCloseCode, cutReason, type LinkSide, tooLongCode } from './close-code.ts'
import type { Link, LinkHandlers } from './transport.ts'

interface Ending {
  readonly code: number
  readonly reason: string
}

/** Two links, each of which delivers what the other sends. */
export function memoryLinkPair(options: {
  dialledMessageBytesMax: number
  acceptedMessageBytesMax: number
}): { dialled: Link; accepted: Link } {
  const dialled = new MemoryLink('dialled', options.dialledMessageBytesMax)
  const accepted = new MemoryLink('accepted', options.acceptedMessageBytesMax)
  dialled.pairWith(accepted)
  accepted.pairWith(dialled)
  return { dialled, accepted }
}

/** One end. What the other end sent waits here, in the inbox, until it is delivered. */
class MemoryLink implements Link {
  readonly #side: LinkSide
  readonly #messageBytesMax: number
  #other: MemoryLink | undefined
  #handlers: LinkHandlers | undefined
  #state: 'open' | 'closing' | 'closed' = 'open'
  #inbox: (Uint8Array | undefined)[] = []
  /** Where the inbox begins: taking the first of a long array out would move all others. */
  #inboxStart = 0
  #inboxBytes = 0
  #ownEnding: Ending | undefined
  /** How the other end closed; that comes behind what is in the inbox. */
  #otherEnding: Ending | undefined
  #stepScheduled = false
  #paused = false

  constructor(side: LinkSide, messageBytesMax: number) {
    this.#side = side
    this.#messageBytesMax = messageBytesMax
  }

  pairWith(other: MemoryLink): void {
    this.#other = other
  }

  get #otherEnd(): MemoryLink {
    return present(this.#other, 'the ends of a link are paired when it is made')
  }

  get bufferedBytes(): number {
    return this.#otherEnd.#inboxBytes
  }

  start(handlers: LinkHandlers): void {
    assert(this.#handlers === undefined, 'a link is started once')
    this.#handlers = handlers
    this.#scheduleStep()
  }

  send(message: Uint8Array): void {
    if (this.#state === 'open') this.#otherEnd.#receive(message)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#scheduleStep()
  }

  close(code: number, reason: string): void {
    assertCloseCode(code, this.#side)
    this.#close({ code, reason: cutReason(reason) })
  }

  #receive(message: Uint8Array): void {
    if (this.#state !== 'open') return
    // Not `slice`, which shares memory where the message is a Buffer.
    const copy = new Uint8Array(message)
    this.#inbox.push(copy)
    this.#inboxBytes += copy.length
    this.#scheduleStep()
  }

  #close(ending: Ending): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#ownEnding = ending
    this.#empty()
    this.#scheduleStep()
    this.#otherEnd.#receiveEnding(ending)
  }

  #receiveEnding(ending: Ending): void {
    this.#otherEnding = ending
    this.#scheduleStep()
  }

  /** Every event gets a step of its own, so that a handler that throws costs no other event. */
  #scheduleStep(): void {
    if (this.#handlers === undefined || this.#stepScheduled) return
    this.#stepScheduled = true
    queueMicrotask(() => this.#step())
  }

  #step(): void {
    this.#stepScheduled = false
    const handlers = this.#handlers
    if (handlers === undefined || this.#state === 'closed') return
    if (this.#paused && this.#state === 'open') return
    const message = this.#inbox[this.#inboxStart]
    const ending = this.#otherEnding ?? this.#ownEnding
    if (message !== undefined) {
      this.#scheduleStep()
      this.#deliver(message, handlers)
    } else if (ending !== undefined) {
      this.#state = 'closed'
      handlers.close(ending.code, ending.reason)
    }
  }

  #deliver(message: Uint8Array, handlers: LinkHandlers): void {
    this.#inbox[this.#inboxStart] = undefined
    this.#inboxStart += 1
    this.#inboxBytes -= message.length
    if (this.#inboxStart === this.#inbox.length) this.#empty()
    if (message.length > this.#messageBytesMax) {
      this.#close({ code: tooLongCode, reason: 'a message that is too long' })
    } else {
      handlers.message(message)
    }
  }

  #empty(): void {
    this.#inbox = []
    this.#inboxStart = 0
    this.#inboxBytes = 0
  }
}
