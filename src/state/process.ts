/**
 * An open process: messages go in as entries of a log, one actor handles each, and the reply is a
 * register under the id of the message.
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
import { systemTime, type TimeSource } from '../base/time.ts'
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
  readonly definition: ProcessDefinition<Context>
  readonly actor: string
  readonly inbox: LogPartition<SentMessage>
  readonly handled: RegisterPartition<Handling>
  readonly time: TimeSource
  readonly random: RandomSource
}

const timeoutDefault = 5_000

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
  readonly #running = new Set<string>()
  readonly #events = new Emitter<{ problem: StatemeshError }>()

  /** Not for users: `openProcess` makes it. */
  constructor(parts: Parts<Context>) {
    this.#parts = parts
  }

  /**
   * Sends a message: it is in the log at once, and handled when its server has it.
   *
   * @returns its id
   * @throws ID_INVALID, VALUE_INVALID for tags that are no texts or data that cannot be stored, CLOSED
   */
  send(tags: Tags, data: unknown = null, options: SendOptions = {}): string {
    const id = checkId(options.id ?? randomId(this.#parts.random), 'a message id')
    for (const value of Object.values(tags)) {
      if (typeof value !== 'string') throw new StatemeshError('VALUE_INVALID', 'a tag is a text')
    }
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
    const { timeoutMilliseconds = timeoutDefault } = options
    const { handled, time } = this.#parts
    const id = this.send(tags, data, options)
    return new Promise((resolve, reject) => {
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
      for (const { entry } of arrivals) this.#enqueue(entry)
    })
    const stop = () => {
      leave()
      if (this.#serving === serving) this.#serving = undefined
    }
    const serving = { context, stop }
    this.#serving = serving
    for (const entry of inbox) this.#enqueue(entry)
    return stop
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

  #enqueue(entry: LogEntry<SentMessage>): void {
    const message = readMessage(entry)
    const { definition, actor, handled } = this.#parts
    if (message === undefined || serverOf(definition.servers, message.id) !== actor) return
    if (this.#running.has(message.id) || handled.get(message.id)?.status === 'done') return
    this.#running.add(message.id)
    this.#queue = this.#queue.then(() => this.#handle(message))
  }

  async #handle(message: ProcessMessage): Promise<void> {
    const { handled, replica, random } = this.#parts
    const { id } = message
    const serving = this.#serving
    try {
      if (serving === undefined) return
      const before = handled.get(id)
      if (before?.status === 'done') return
      const run = before?.run ?? randomId(random)
      if (before !== undefined) {
        const why = 'the server stopped while the message was handled'
        return this.#answer(id, run, failure(new StatemeshError('HANDLER_INTERRUPTED', why)))
      }
      handled.set(id, { status: 'started', run })
      await replica.flush({ level: 'local' })
      this.#answer(id, run, await this.#run(message, serving.context))
    } catch (thrown) {
      // It is marked as started or not at all, has not run, and is answered at the next `serve`.
      this.#events.emit('problem', toStatemeshError(thrown, 'HANDLER_FAILED'))
    } finally {
      this.#running.delete(id)
    }
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

  #answer(id: string, run: string, reply: Omit<Reply, 'id'>): void {
    this.#parts.handled.set(id, { status: 'done', run, reply })
  }
}

function matches<Context>({ match }: AnyMessageHandler<Context>, message: ProcessMessage): boolean {
  if (typeof match === 'function') return match(message)
  const { tags } = message
  return Object.entries(match).every(([name, value]) => {
    return Object.hasOwn(tags, name) && tags[name] === value
  })
}

function failure({ code, message }: StatemeshError): Omit<Reply, 'id'> {
  return { ok: false, data: null, error: { code, message } }
}

/** Undefined for what a stranger put into the log that is no message. */
function readMessage({
  value,
  actor,
  timestamp,
}: LogEntry<SentMessage>): ProcessMessage | undefined {
  const { id, tags, data } = (value ?? {}) as Partial<SentMessage>
  try {
    checkId(id, 'a message id')
  } catch {
    return undefined
  }
  if (typeof tags !== 'object' || tags === null || data === undefined) return undefined
  return Object.freeze({ id: id as string, from: actor, tags, data, timestamp })
}
