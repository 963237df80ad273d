/**
 * The declaration of a process: handlers that answer messages by their tags, and who runs them.
 */
import type { z } from 'zod'
import { StatemeshError } from '../base/error.ts'
import { parseActorId } from '../model/id.ts'
import {
  definePartition,
  type PartitionDefinition,
  type PolicyFunction,
} from '../model/partition-definition.ts'
import { hashKey } from './table-trie.ts'

export interface Tags {
  readonly [name: string]: string
}

export interface ProcessMessage<Data = unknown> {
  readonly id: string
  /** Who sent it: the actor in whose name it stands in the log, or who is at the end of the link. */
  readonly from: string
  readonly tags: Tags
  readonly data: Data
  /** The hybrid timestamp of its sending, or of its coming where it came over a link. */
  readonly timestamp: number
}

export interface MessageHandler<Context, Data = unknown> {
  /** The tags that a message has to have, such as `{ Action: 'Transfer' }`; or a test of yours. */
  readonly match: Tags | ((message: ProcessMessage) => boolean)
  /** Whether only the owner of the process may ask for it. */
  readonly ownerOnly?: boolean
  /** Checks the data of the message, and gives it its defaults. */
  readonly data?: z.ZodType<Data>
  /** What it gives or resolves to is the reply, and what it throws the error in the reply. */
  run(message: ProcessMessage<Data>, context: Context): unknown
}

/** A handler, whatever the data of its messages are. */
export interface AnyMessageHandler<Context> extends Omit<MessageHandler<Context>, 'run' | 'data'> {
  readonly data?: z.ZodType
  run(message: ProcessMessage<never>, context: Context): unknown
}

/** What a message came to. */
export interface Reply {
  /** The id of the message. */
  readonly id: string
  readonly ok: boolean
  /** What the handler gave; null for nothing and for an error. */
  readonly data: unknown
  readonly error?: { readonly code: string; readonly message: string }
}

/** How far a message is, under its id. */
export interface Handling {
  readonly status: 'started' | 'done'
  /** Tells one run of a handler from another. */
  readonly run: string
  /** Who sent the message that ran. */
  readonly from?: string
  readonly reply?: Omit<Reply, 'id'>
}

/** What is in the log, and goes over a link. */
export interface SentMessage {
  readonly id: string
  readonly tags: Tags
  readonly data: unknown
}

export interface ProcessOptions<Context> {
  name: string
  /** Who may ask for what is `ownerOnly`. */
  owner: string
  /**
   * The actors that run the handlers, each on one replica at a time; the owner unless given. Every
   * message belongs to one of them, chosen by its id.
   */
  servers?: readonly string[]
  /** The first that matches a message handles it. */
  handlers: { readonly [name: string]: AnyMessageHandler<Context> }
}

export interface ProcessDefinition<Context> {
  readonly name: string
  readonly owner: string
  readonly servers: readonly string[]
  readonly handlers: { readonly [name: string]: AnyMessageHandler<Context> }
  readonly inbox: PartitionDefinition<SentMessage, 'log'>
  readonly handled: PartitionDefinition<Handling, PolicyFunction<Handling>>
}

/** Declares a handler, so that its message has the type of its schema. */
export function defineHandler<Context, Data = unknown>(
  handler: MessageHandler<Context, Data>,
): MessageHandler<Context, Data> {
  return Object.freeze(handler)
}

/** A reply is read before a run that has none, and of several the first: it may be known already. */
const firstReply: PolicyFunction<Handling> = siblings => {
  const latestFirst = siblings.flatMap(({ value }) => (value === undefined ? [] : [value]))
  return latestFirst.filter(({ status }) => status === 'done').at(-1) ?? latestFirst.at(-1)
}

/**
 * Declares a process.
 *
 * @throws PARTITION_INVALID for a malformed or too long name, ID_INVALID for the owner or a server,
 * OPTION_INVALID where nobody serves
 */
export function defineProcess<Context>(
  options: ProcessOptions<Context>,
): ProcessDefinition<Context> {
  const { name, owner, servers = [owner], handlers } = options
  if (servers.length === 0) throw new StatemeshError('OPTION_INVALID', 'a process has a server')
  return Object.freeze({
    name,
    owner: parseActorId(owner),
    servers: Object.freeze([...new Set(servers.map(parseActorId))].sort()),
    handlers: Object.freeze({ ...handlers }),
    inbox: definePartition<SentMessage, 'log'>({ name: `${name}-inbox`, policy: 'log' }),
    handled: definePartition<Handling>({ name: `${name}-handled`, policy: firstReply }),
  })
}

/**
 * Whose message it is: the same answer everywhere, from the id alone, and most ids keep theirs when
 * a server comes or goes (Thaler and Ravishankar 1998, highest random weight).
 */
export function serverOf(servers: readonly string[], id: string): string {
  const weigh = (server: string) => hashKey(`${server}\0${id}`)
  return servers.reduce((best, server) => (weigh(server) > weigh(best) ? server : best))
}
