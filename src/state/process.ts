/**
 * An open process: messages go in as entries of a log, or come over a link (`process-listener.ts`),
 * one actor handles each, and the reply is a register under the id of the message.
 *
 * A handler runs at most once for an id, wherever and however often that was sent, and however the
 * network is cut:
 * P1. The id alone says which server a message belongs to; nobody else handles it.
 * P2. That server writes that it has started, and has that on disk, before the handler runs. What is
 *     marked is not run again, but for nothing: after a crash it is answered with
 *     HANDLER_INTERRUPTED, and its effects may be there or not.
 * This holds as long as an actor serves on one replica at a time, that keeps its disk, and the
 * servers are not changed while messages wait. Where it was not held to, two runs are siblings, and
 * `repeated` names the message.
 */
import { Emitter } from '../base/emitter.ts'
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import { type RandomSource, randomId, systemRandom } from '../base/random.ts'
import { holdUp, systemTime, type TimeSource } from '../base/time.ts'
import { HybridClock } from '../clock/hybrid-clock.ts'
import { type DocumentName, documentName } from '../model/document-name.ts'
import { checkId, parseActorId } from '../model/id.ts'
import type { Scope } from '../model/scope.ts'
import { encodeValue } from '../model/value.ts'
import type { LogEntry, LogPartition } from '../partition/log/log-partition.ts'
import { parseValue } from '../partition/parse-value.ts'
import type { RegisterPartition } from '../partition/register/register-partition.ts'
import {
  type AnyMessageHandler,
  type Handling,
  type ProcessDefinition,
  type ProcessMessage,
  type Reply,
  type SentMessage,
  serverOf,
  type Tags,
} from './process-definition.ts'
import { checkTags, failure, matches, readMessage } from './process-message.ts'
import type { OpenOptions, StateReplica } from './replica-port.ts'

export interface OpenProcessOptions extends OpenOptions {
  time?: TimeSource
  random?: RandomSource
}

export interface SendOptions {
  /** A new one unless given. To send again under the same id does nothing more. */
  id?: string
}

export interface RequestOptions extends SendOptions {
  /** How long to wait for the reply; 5,000 unless given. */
  timeoutMilliseconds?: number
}

interface Parts<Context> {
  readonly replica: StateReplica
  readonly scope: Scope
  readonly definition: ProcessDefinition<Context>
  readonly actor: string
  readonly inbox: LogPartition<SentMessage>
  readonly handled: RegisterPartition<Handling>
  readonly time: TimeSource
  readonly random: RandomSource
}

export const replyMillisecondsDefault = 5_000

/** @throws as `Replica.open` does */
export async function openProcess<Context>(
  replica: StateReplica,
  scope: Scope,
  definition: ProcessDefinition<Context>,
  options: OpenProcessOptions = {},
): Promise<Process<Context>> {
  const { time = systemTime, random = systemRandom, actor = replica.actor } = options
  const inbox = await replica.open(scope, definition.inbox, { actor })
  try {
    const handled = await replica.open(scope, definition.handled, { actor })
    return new Process({
      replica,
      scope,
      definition,
      actor: parseActorId(actor),
      inbox,
      handled: handled as unknown as RegisterPartition<Handling>,
      time,
      random,
    })
  } catch (error) {
    inbox.close()
    throw error
  }
}

export class Process<Context> {
  readonly #parts: Parts<Context>
  #queue: Promise<void> = Promise.resolve()
  #serving: { readonly context: Context; stop(): void } | undefined
  /** The messages that wait or run, each with what comes of it: a problem, or none. */
  readonly #running = new Map<string, Promise<StatemeshError | undefined>>()
  readonly #clock: HybridClock
  readonly #events = new Emitter<{ problem: StatemeshError }>()

  /** Not for users: `openProcess` makes it. */
  constructor(parts: Parts<Context>) {
    this.#parts = parts
    this.#clock = new HybridClock({ time: parts.time })
  }

  /** The document of the log: whoever may write it may send messages. */
  get inbox(): DocumentName {
    return documentName(this.#parts.scope, this.#parts.definition.inbox.name)
  }

  /** In whose name it serves. */
  get actor(): string {
    return this.#parts.actor
  }

  /**
   * Sends a message: it is in the log at once, and handled when its server has it.
   *
   * @returns its id
   * @throws ID_INVALID, VALUE_INVALID for tags that are no texts or data that cannot be stored, CLOSED
   */
  send(tags: Tags, data: unknown = null, options: SendOptions = {}): string {
    const id = checkId(options.id ?? randomId(this.#parts.random), 'a message id')
    checkTags(tags)
    this.#parts.inbox.append({ id, tags, data })
    return id
  }

  /**
   * Sends a message and resolves with its reply, which may say that it failed.
   *
   * @throws REPLY_TIMEOUT: the message stays sent, and `reply` gives the reply when it comes;
   * as `send` does
   */
  request(tags: Tags, data: unknown = null, options: RequestOptions = {}): Promise<Reply> {
    const { timeoutMilliseconds = replyMillisecondsDefault } = options
    const { handled, time } = this.#parts
    const id = this.send(tags, data, options)
    const replied = new Promise<Reply>((resolve, reject) => {
      const look = () => {
        const reply = this.reply(id)
        if (reply === undefined) return
        leave()
        cancel()
        resolve(reply)
      }
      const cancel = time.after(timeoutMilliseconds, () => {
        leave()
        reject(new StatemeshError('REPLY_TIMEOUT', `no reply to ${id} has come yet`))
      })
      const leave = handled.subscribe(look)
      look()
    })
    return holdUp(time, replied)
  }

  /** The reply to a message, if it is here. @throws CLOSED */
  reply(id: string): Reply | undefined {
    const reply = this.#parts.handled.get(id)?.reply
    return reply && Object.freeze({ id, ...reply })
  }

  /** The messages that have no reply here, in the order of the log. @throws CLOSED */
  pending(): ProcessMessage[] {
    const waiting = new Map<string, ProcessMessage>()
    for (const entry of this.#parts.inbox) {
      const message = readMessage(entry)
      if (message === undefined || waiting.has(message.id)) continue
      if (this.reply(message.id) === undefined) waiting.set(message.id, message)
    }
    return [...waiting.values()]
  }

  /** The ids of messages that ran more than once, because P1 or P2 was not held to. @throws CLOSED */
  repeated(): string[] {
    return this.#parts.handled.conflicts().map(({ key }) => key)
  }

  /**
   * Handles the messages of this actor: those that wait, and those that come, one after the other.
   * After a start on an empty disk await `synced` of the replica first, so that what was handled
   * is known.
   *
   * @param context what the handlers work on
   * @returns ends it; a message that is being handled is finished
   * @throws OPTION_INVALID if this actor is no server of the process, or serves already
   */
  serve(context: Context): () => void {
    const { inbox, definition, actor } = this.#parts
    if (!definition.servers.includes(actor)) {
      throw new StatemeshError('OPTION_INVALID', `${actor} is no server of ${definition.name}`)
    }
    if (this.#serving) throw new StatemeshError('OPTION_INVALID', 'it serves already')
    const leave = inbox.subscribe(arrivals => {
      for (const { entry } of arrivals) this.#arrived(entry)
    })
    const stop = () => {
      leave()
      if (this.#serving === serving) this.#serving = undefined
    }
    const serving = { context, stop }
    this.#serving = serving
    for (const entry of inbox) this.#arrived(entry)
    return stop
  }

  /**
   * Handles a message that came another way than the log, in its turn. It runs at most once for its
   * id, whichever ways that came.
   *
   * @returns its reply, that of the first run, when it is on disk here
   * @throws OPTION_INVALID if this actor does not serve, or the message is another's; ACCESS_DENIED if
   * somebody else has sent one of this id; ID_INVALID, VALUE_INVALID, CLOSED, STORAGE_UNAVAILABLE
   */
  async handle({ id, from, tags, data }: SentMessage & { from: string }): Promise<Reply> {
    const { definition, actor, handled, replica } = this.#parts
    checkId(id, 'a message id')
    parseActorId(from)
    checkTags(tags)
    if (this.#serving === undefined || serverOf(definition.servers, id) !== actor) {
      throw new StatemeshError('OPTION_INVALID', `${actor} does not serve the message ${id}`)
    }
    const timestamp = this.#clock.next()
    const problem = await this.#enqueue(Object.freeze({ id, from, tags, data, timestamp }))
    const handling = handled.get(id)
    if (problem !== undefined && handling?.reply === undefined) throw problem
    if (handling?.from !== from) {
      throw new StatemeshError('ACCESS_DENIED', `the message ${id} is somebody else's`)
    }
    await replica.flush({ level: 'local' })
    return this.reply(id) as Reply
  }

  /** Calls `listener` where a message could not be handled: the disk failed, or all was closed. */
  onProblem(listener: (problem: StatemeshError) => void): () => void {
    return this.#events.on('problem', listener)
  }

  /** Resolves when every message that was here for this actor has its reply. */
  async idle(): Promise<void> {
    for (let last: Promise<void> | undefined; last !== this.#queue; ) {
      last = this.#queue
      await last
    }
  }

  /** Ends serving after the message that is being handled, and gives the documents back. */
  async close(): Promise<void> {
    this.#serving?.stop()
    await this.idle()
    this.#parts.inbox.close()
    this.#parts.handled.close()
  }

  #arrived(entry: LogEntry<SentMessage>): void {
    const message = readMessage(entry)
    const { definition, actor, handled } = this.#parts
    if (message === undefined || serverOf(definition.servers, message.id) !== actor) return
    if (handled.get(message.id)?.status !== 'done') void this.#enqueue(message)
  }

  #enqueue(message: ProcessMessage): Promise<StatemeshError | undefined> {
    const running = this.#running.get(message.id)
    if (running !== undefined) return running
    const turn = this.#queue.then(() => this.#take(message))
    this.#running.set(message.id, turn)
    this.#queue = turn.then(() => {})
    return turn
  }

  /** Gives the problem that kept a message from being handled: it runs at the next `serve`. */
  async #take(message: ProcessMessage): Promise<StatemeshError | undefined> {
    try {
      if (this.#serving === undefined) return closed()
      await this.#handle(message, this.#serving.context)
      return undefined
    } catch (thrown) {
      // It is marked as started or not at all, has not run, and is answered at the next `serve`.
      const problem = toStatemeshError(thrown, 'HANDLER_FAILED')
      this.#events.emit('problem', problem)
      return problem
    } finally {
      this.#running.delete(message.id)
    }
  }

  async #handle(message: ProcessMessage, context: Context): Promise<void> {
    const { handled, replica, random } = this.#parts
    const { id, from } = message
    const before = handled.get(id)
    if (before?.status === 'done') return
    if (before !== undefined) {
      const why = 'the server stopped while the message was handled'
      return this.#answer(id, before, failure(new StatemeshError('HANDLER_INTERRUPTED', why)))
    }
    const started: Handling = { status: 'started', run: randomId(random), from }
    handled.set(id, started)
    await replica.flush({ level: 'local' })
    this.#answer(id, started, await this.#run(message, context))
  }

  async #run(message: ProcessMessage, context: Context): Promise<Omit<Reply, 'id'>> {
    try {
      const handler = this.#find(message)
      if (handler.ownerOnly && message.from !== this.#parts.definition.owner) {
        const why = `only ${this.#parts.definition.owner} may ask for this, not ${message.from}`
        throw new StatemeshError('OWNER_ONLY', why)
      }
      const checked = { ...message, data: parseValue(handler.data, message.data) }
      const data = (await handler.run(Object.freeze(checked) as never, context)) ?? null
      encodeValue(data)
      return { ok: true, data }
    } catch (thrown) {
      return failure(toStatemeshError(thrown, 'HANDLER_FAILED'))
    }
  }

  #find(message: ProcessMessage): AnyMessageHandler<Context> {
    for (const handler of Object.values(this.#parts.definition.handlers)) {
      if (matches(handler, message)) return handler
    }
    throw new StatemeshError('HANDLER_UNKNOWN', 'no handler matches the tags of the message')
  }

  #answer(id: string, started: Handling, reply: Omit<Reply, 'id'>): void {
    this.#parts.handled.set(id, { ...started, status: 'done', reply })
  }
}

function closed(): StatemeshError {
  const why = 'it stopped serving before the message had its turn'
  return new StatemeshError('CLOSED', why, { retryable: true })
}
