/**
 * Sends messages to a process over a link and gives their replies. It dials when there is something
 * to ask, and lets the link go when there was nothing for a while.
 */
import { isErrorCode, StatemeshError, toStatemeshError } from '../base/error.ts'
import { type RandomSource, randomId, systemRandom } from '../base/random.ts'
import { type CancelTimer, holdUp, systemTime, type TimeSource } from '../base/time.ts'
import { documentName } from '../model/document-name.ts'
import { checkId, parseActorId } from '../model/id.ts'
import type { Scope } from '../model/scope.ts'
import { closeCodes, errorOfClose } from '../protocol/link-rules.ts'
import {
  decodeProcessFrame,
  encodeProcessFrame,
  type ProcessFrame,
  processFrameBytesMax,
  processSubprotocol,
  processVersion,
} from '../protocol/process-frame.ts'
import { frameInvalid } from '../protocol/reader.ts'
import { type TokenOption, TokenSource } from '../sync/token-source.ts'
import type { Link, Transport } from '../transport/transport.ts'
import { websocketTransport } from '../transport/websocket-transport.ts'
import { type RequestOptions, replyMillisecondsDefault } from './process.ts'
import { type ProcessDefinition, type Reply, serverOf, type Tags } from './process-definition.ts'
import { checkTags } from './process-message.ts'

export interface ProcessLinkOptions {
  /** Where the server listens. */
  address: string
  /** Who the messages are from; the subject of the token where there is one. */
  actor: string
  /** Which of several servers listens there; the only one unless given. */
  server?: string
  token?: TokenOption
  transport?: Transport
  time?: TimeSource
  random?: RandomSource
}

interface Parts {
  readonly address: string
  readonly actor: string
  readonly inbox: string
  readonly servers: readonly string[]
  readonly server: string
  readonly token: TokenSource | undefined
  readonly transport: Transport
  readonly time: TimeSource
  readonly random: RandomSource
}

interface Waiter {
  settle(outcome: Reply | StatemeshError): void
}

/** How long dialling, and being let in, may take each. */
const dialMilliseconds = 10_000

/** How long a link is kept for the next message: less than the other end keeps it. */
const idleMilliseconds = 30_000

/**
 * A way to a server of a process that needs no replica. Nothing is dialled before there is a message.
 *
 * @throws OPTION_INVALID where it is not said which of several servers it is, or for one that is none;
 * ID_INVALID, PARTITION_INVALID
 */
export function linkToProcess<Context>(
  scope: Scope,
  definition: ProcessDefinition<Context>,
  options: ProcessLinkOptions,
): ProcessLink {
  const { servers } = definition
  const { token, time = systemTime, random = systemRandom } = options
  const server = options.server ?? (servers.length === 1 ? servers[0] : undefined)
  if (server === undefined || !servers.includes(server)) {
    throw new StatemeshError('OPTION_INVALID', `a server is one of ${servers.join(', ')}`)
  }
  return new ProcessLink({
    ...{ address: options.address, servers, server, time, random },
    actor: parseActorId(options.actor),
    inbox: documentName(scope, definition.inbox.name),
    token: token === undefined ? undefined : new TokenSource(token),
    transport: options.transport ?? websocketTransport({ time }),
  })
}

export class ProcessLink {
  readonly #parts: Parts
  /** The link that is used, from when it is dialled. */
  #link: Promise<Link> | undefined
  #closed = false
  readonly #waiting = new Map<string, Set<Waiter>>()
  #cancelIdle: CancelTimer = () => {}

  /** Not for users: `linkToProcess` makes it. */
  constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * Sends a message and resolves with its reply, which may say that it failed. If it rejects with
   * REPLY_TIMEOUT or LINK_FAILED the message may have been handled: under the same id it can be sent
   * again, and does not run twice.
   *
   * @throws ID_INVALID, VALUE_INVALID, FRAME_TOO_LARGE; OPTION_INVALID for an id that belongs to
   * another server; REPLY_TIMEOUT; LINK_FAILED, TOKEN_INVALID, TOKEN_EXPIRED, ACCESS_DENIED when it
   * cannot be reached or does not let us in; LIMIT_REACHED; FRAME_INVALID; CLOSED; what the server
   * could not handle it for
   */
  async request(tags: Tags, data: unknown = null, options: RequestOptions = {}): Promise<Reply> {
    if (this.#closed) throw closed()
    const { timeoutMilliseconds = replyMillisecondsDefault } = options
    const id = options.id === undefined ? this.#newId() : this.#checkId(options.id)
    checkTags(tags)
    const bytes = encodeProcessFrame({ type: 'request', id, value: [tags, data] })
    const reply = this.#wait(id, timeoutMilliseconds)
    this.#connect().then(
      link => this.#waiting.has(id) && link.send(bytes),
      () => {}, // who waits has heard of it
    )
    return reply
  }

  /** Ends it; who waits gets CLOSED. */
  close(): void {
    this.#closed = true
    this.#letGo(closed())
  }

  /** One that belongs to the server of this link. */
  #newId(): string {
    const { random, servers, server } = this.#parts
    for (;;) {
      const id = randomId(random)
      if (serverOf(servers, id) === server) return id
    }
  }

  #checkId(id: string): string {
    const { servers, server } = this.#parts
    const owner = serverOf(servers, checkId(id, 'a message id'))
    if (owner === server) return id
    throw new StatemeshError(
      'OPTION_INVALID',
      `${id} is for ${owner}, and this link is to ${server}`,
    )
  }

  #wait(id: string, timeoutMilliseconds: number): Promise<Reply> {
    this.#cancelIdle()
    const { time } = this.#parts
    const replied = new Promise<Reply>((resolve, reject) => {
      const waiters = this.#waiting.get(id) ?? new Set()
      const leave = () => {
        waiters.delete(waiter)
        if (waiters.size === 0) this.#waiting.delete(id)
      }
      const cancel = time.after(timeoutMilliseconds, () => {
        leave()
        reject(new StatemeshError('REPLY_TIMEOUT', `no reply to ${id} has come yet`))
        // The link may be dead, and the next message shall not find that out.
        if (this.#waiting.size === 0) this.#letGo(linkFailed('no reply came'))
      })
      const waiter: Waiter = {
        settle: outcome => {
          cancel()
          leave()
          if (outcome instanceof StatemeshError) reject(outcome)
          else resolve(outcome)
        },
      }
      this.#waiting.set(id, waiters.add(waiter))
    })
    return holdUp(time, replied)
  }

  #connect(): Promise<Link> {
    if (this.#link !== undefined) return this.#link
    const link: Promise<Link> = this.#dial(error => {
      if (this.#link === link) this.#letGo(error)
    })
    this.#link = link
    link.catch(thrown => {
      if (this.#link === link) this.#letGo(toStatemeshError(thrown, 'LINK_FAILED'))
    })
    return link
  }

  /** Resolves when the server has let us in. */
  async #dial(onEnded: (error: StatemeshError) => void): Promise<Link> {
    const { transport, address, inbox, actor, token, time } = this.#parts
    const text = (await token?.get(time, dialMilliseconds)) ?? ''
    const link = await transport.dial(address, {
      messageBytesMax: processFrameBytesMax,
      timeoutMilliseconds: dialMilliseconds,
      subprotocol: processSubprotocol,
    })
    return new Promise((resolve, reject) => {
      const end = (error: StatemeshError) => {
        cancel()
        reject(error)
        onEnded(error)
      }
      const fail = (code: number, error: StatemeshError) => {
        link.close(code, error.code)
        end(error)
      }
      const cancel = time.after(dialMilliseconds, () =>
        fail(closeCodes.silent, linkFailed('it does not let us in')),
      )
      link.start({
        message: bytes => {
          try {
            if (!this.#received(decodeProcessFrame(bytes))) return
            cancel()
            resolve(link)
          } catch (thrown) {
            fail(closeCodes.malformed, toStatemeshError(thrown, 'FRAME_INVALID'))
          }
        },
        close: (code, reason) => end(errorOfClose(code, reason)),
      })
      const hello = { type: 'hello', version: processVersion, inbox, actor, token: text } as const
      link.send(encodeProcessFrame(hello))
    })
  }

  /** Whether it lets us in. @throws FRAME_INVALID */
  #received(frame: ProcessFrame): boolean {
    switch (frame.type) {
      case 'welcome':
        if (frame.server === this.#parts.server) return true
        throw frameInvalid(`${frame.server} answers in place of ${this.#parts.server}`)
      case 'reply':
        this.#settle(frame.id, readReply(frame.id, frame.value))
        return false
      case 'refusal':
        this.#settle(frame.id, refusalOf(frame))
        return false
      default:
        throw frameInvalid(`a ${frame.type} from a server`)
    }
  }

  /** A reply that nobody waits for any more is left. */
  #settle(id: string, outcome: Reply | StatemeshError): void {
    for (const waiter of this.#waiting.get(id) ?? []) waiter.settle(outcome)
    if (this.#waiting.size > 0) return
    this.#cancelIdle()
    this.#cancelIdle = this.#parts.time.after(idleMilliseconds, () =>
      this.#letGo(linkFailed('nothing was asked')),
    )
  }

  /** The link is not used any more, and who waits gets the error. */
  #letGo(error: StatemeshError): void {
    this.#cancelIdle()
    const link = this.#link
    this.#link = undefined
    link?.then(
      opened => opened.close(closeCodes.normal, ''),
      () => {}, // it was never one
    )
    for (const waiters of [...this.#waiting.values()]) {
      for (const waiter of waiters) waiter.settle(error)
    }
  }
}

/** @throws FRAME_INVALID */
function readReply(id: string, value: unknown): Reply {
  const { ok, data, error } = (value ?? {}) as Partial<Reply>
  if (typeof ok !== 'boolean' || data === undefined) throw frameInvalid('not a reply')
  if (ok !== (error === undefined)) throw frameInvalid('a reply is ok or has an error')
  if (error === undefined) return Object.freeze({ id, ok, data })
  if (typeof error?.code !== 'string' || typeof error.message !== 'string') {
    throw frameInvalid('not an error')
  }
  return Object.freeze({ id, ok, data, error })
}

function refusalOf(frame: Extract<ProcessFrame, { type: 'refusal' }>): StatemeshError {
  const { code, retryable, message } = frame
  if (isErrorCode(code)) return new StatemeshError(code, message, { retryable })
  return new StatemeshError('REFUSED', `${code}: ${message}`, { retryable })
}

function linkFailed(why: string): StatemeshError {
  return new StatemeshError('LINK_FAILED', why)
}

function closed(): StatemeshError {
  return new StatemeshError('CLOSED', 'the link to the process is closed')
}
