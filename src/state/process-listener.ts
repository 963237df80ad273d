/**
 * Takes messages of a process over links and answers them there. What has come to a message is kept
 * where it is for one of the log, so that an id runs once, whichever way it came.
 *
 * L1. Nothing is handled before whoever dialled has said who it is, and has shown a good token where
 *     one is asked for; what it sends is then from the subject of that, and from nobody else.
 * L2. A reply leaves when it is on disk: what was told once is told again.
 */
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import { type CancelTimer, systemTime, type TimeSource } from '../base/time.ts'
import { parseActorId } from '../model/id.ts'
import { closeCodes } from '../protocol/link-rules.ts'
import {
  decodeProcessFrame,
  encodeProcessFrame,
  type ProcessFrame,
  processFrameBytesMax,
  processSubprotocol,
  processVersion,
} from '../protocol/process-frame.ts'
import { frameInvalid } from '../protocol/reader.ts'
import type { Acceptor, Listening } from '../transport/acceptor.ts'
import { type PeerPort, portAcceptor } from '../transport/port-acceptor.ts'
import type { Link } from '../transport/transport.ts'
import { includesRight } from '../trust/grants.ts'
import type { AccessToken, TokenVerifier } from '../trust/token.ts'
import type { Process } from './process.ts'
import type { SentMessage, Tags } from './process-definition.ts'

export interface ListenForMessagesOptions {
  /** A port, or what accepts links in memory or over a message port. */
  listen: PeerPort | Acceptor
  /**
   * Checks the token of whoever dials: it has to allow writing the document `<process>-inbox`, and its
   * subject is who the messages are from. Without it they are from whom they say.
   */
  tokens?: TokenVerifier
  time?: TimeSource
}

type Hello = Extract<ProcessFrame, { type: 'hello' }>

type State =
  | { readonly kind: 'greeting' | 'admitting' | 'ended' }
  /** The token is undefined where none is asked for. */
  | { readonly kind: 'open'; readonly from: string; readonly token: AccessToken | undefined }

/** Enough for every agent of a fleet; each costs a socket. */
const linksMax = 4_096
/** What may wait on one link, by which it cannot fill the memory. */
const waitingBytesMax = 8 * 2 ** 20
/** What a message takes beside its bytes, about. */
const messageOverheadBytes = 1_024
/** How long whoever dialled may take to say who it is. */
const greetingMilliseconds = 10_000
/** A link on which nothing comes for so long is ended; the other end does so sooner. */
const idleMilliseconds = 60_000

/**
 * Handles the messages that come over links, as the process does with those of its log. Serve first.
 *
 * @returns where it listens, and what ends it; the process goes on
 * @throws PORT_UNAVAILABLE; OPTION_INVALID for a port beyond this machine that asks for no tokens
 */
export async function listenForMessages<Context>(
  server: Process<Context>,
  { listen, tokens, time = systemTime }: ListenForMessagesOptions,
): Promise<Listening> {
  const links = new Set<ServedLink>()
  const rules = { subprotocol: processSubprotocol, asksForTokens: tokens !== undefined }
  const acceptor = 'listen' in listen ? listen : portAcceptor(listen, rules)
  const serve = (link: Link) => {
    const served = new ServedLink(link, { server, tokens, time }, () => links.delete(served))
    links.add(served)
    if (links.size > linksMax) served.close(closeCodes.tryLater, 'there are links enough')
  }
  const listening = await acceptor.listen(serve, { messageBytesMax: processFrameBytesMax })
  return {
    address: listening.address,
    async close() {
      for (const link of links) link.close(closeCodes.goingAway, 'it listens no more')
      await listening.close()
    },
  }
}

interface Served {
  readonly server: Pick<Process<never>, 'inbox' | 'actor' | 'handle'>
  readonly tokens: TokenVerifier | undefined
  readonly time: TimeSource
}

class ServedLink {
  readonly #link: Link
  readonly #served: Served
  #state: State = { kind: 'greeting' }
  #waitingBytes = 0
  #cancelTimer: CancelTimer

  constructor(link: Link, served: Served, onEnded: () => void) {
    this.#link = link
    this.#served = served
    this.#cancelTimer = served.time.after(greetingMilliseconds, () =>
      this.close(closeCodes.malformed, 'it does not say who it is'),
    )
    link.start({
      message: bytes => this.#received(bytes),
      close: () => {
        this.#end()
        onEnded()
      },
    })
  }

  close(code: number, reason: string): void {
    this.#end()
    this.#link.close(code, reason)
  }

  #end(): void {
    this.#state = { kind: 'ended' }
    this.#cancelTimer()
  }

  #received(bytes: Uint8Array): void {
    if (this.#state.kind === 'ended') return
    try {
      const frame = decodeProcessFrame(bytes)
      if (frame.type === 'hello' && this.#state.kind === 'greeting') {
        this.#state = { kind: 'admitting' }
        void this.#admit(frame)
      } else if (frame.type === 'request' && this.#state.kind === 'open') {
        const message = { ...readRequest(frame.id, frame.value), from: this.#state.from }
        void this.#handle(message, bytes.length, this.#state.token)
      } else throw frameInvalid(`a ${frame.type} that is out of turn`)
    } catch (thrown) {
      this.#fail(toStatemeshError(thrown, 'FRAME_INVALID'))
    }
  }

  // L1
  async #admit(hello: Hello): Promise<void> {
    const { server } = this.#served
    try {
      if (hello.version !== processVersion) {
        throw new StatemeshError('PROTOCOL_UNSUPPORTED', `it speaks version ${processVersion}`)
      }
      if (hello.inbox !== server.inbox) throw denied(`${server.inbox} is served here`)
      const from = parseActorId(hello.actor)
      const token = await this.#verify(hello.token, from)
      if (this.#state.kind !== 'admitting') return
      this.#state = { kind: 'open', from, token }
      this.#send({ type: 'welcome', version: processVersion, server: server.actor })
      this.#awaitMessage()
    } catch (thrown) {
      this.#fail(toStatemeshError(thrown, 'TOKEN_INVALID'))
    }
  }

  async #verify(text: string, from: string): Promise<AccessToken | undefined> {
    const { tokens, server } = this.#served
    if (tokens === undefined) return undefined
    const token = await tokens.verify(text)
    this.#checkTime(token)
    if (token.subject !== from) throw denied(`the token is not ${from}'s`)
    if (includesRight(token.grants.right(server.inbox), 'write')) return token
    throw denied(`the token does not allow writing ${server.inbox}`)
  }

  #checkTime(token: AccessToken | undefined): void {
    if (token === undefined || token.expires > this.#served.time.now()) return
    throw new StatemeshError('TOKEN_EXPIRED', 'the token has expired')
  }

  async #handle(
    message: SentMessage & { from: string },
    length: number,
    token: AccessToken | undefined,
  ): Promise<void> {
    const { id } = message
    const bytes = length + messageOverheadBytes
    try {
      this.#checkTime(token)
    } catch (thrown) {
      return this.#fail(thrown as StatemeshError)
    }
    this.#waitingBytes += bytes
    try {
      if (this.#waitingBytes > waitingBytesMax) throw busy()
      const reply = await this.#served.server.handle(message)
      const { ok, data, error } = reply
      this.#send({ type: 'reply', id, value: { ok, data, ...(error && { error }) } }) // L2
    } catch (thrown) {
      const { code, retryable, message: why } = toStatemeshError(thrown, 'HANDLER_FAILED')
      this.#send({ type: 'refusal', id, code, retryable, message: why })
    } finally {
      this.#waitingBytes -= bytes
    }
    this.#awaitMessage()
  }

  #awaitMessage(): void {
    if (this.#state.kind !== 'open') return
    const { time } = this.#served
    // It ends with its token, so that the next message comes with a fresh one.
    const tokenLeft = (this.#state.token?.expires ?? Infinity) - time.now()
    this.#cancelTimer()
    this.#cancelTimer = time.after(Math.max(0, Math.min(idleMilliseconds, tokenLeft)), () => {
      if (this.#waitingBytes === 0) this.close(closeCodes.goingAway, 'nothing was asked')
    })
  }

  #send(frame: ProcessFrame): void {
    if (this.#state.kind === 'ended') return
    this.#link.send(encodeProcessFrame(frame))
    if (this.#link.bufferedBytes <= waitingBytesMax) return
    this.close(closeCodes.tryLater, 'replies are read too slowly')
  }

  #fail(error: StatemeshError): void {
    this.close(closeCodeOf(error), `${error.code}: ${error.message}`)
  }
}

/** @throws FRAME_INVALID */
function readRequest(id: string, value: unknown): SentMessage {
  if (!Array.isArray(value) || value.length !== 2) throw frameInvalid('not tags and data')
  const [tags, data] = value as [unknown, unknown]
  const isPlain = typeof tags === 'object' && tags !== null && !Array.isArray(tags)
  if (!isPlain || !Object.values(tags).every(tag => typeof tag === 'string')) {
    throw frameInvalid('tags are texts by name')
  }
  return { id, tags: tags as Tags, data }
}

function closeCodeOf({ code, retryable }: StatemeshError): number {
  if (code === 'TOKEN_INVALID') return closeCodes.tokenInvalid
  if (code === 'TOKEN_EXPIRED') return closeCodes.tokenExpired
  if (code === 'ACCESS_DENIED') return closeCodes.denied
  if (code === 'PROTOCOL_UNSUPPORTED') return closeCodes.noCommonVersion
  return retryable ? closeCodes.tryLater : closeCodes.malformed
}

function denied(why: string): StatemeshError {
  return new StatemeshError('ACCESS_DENIED', why)
}

function busy(): StatemeshError {
  return new StatemeshError('LIMIT_REACHED', 'too many messages wait on this link')
}
