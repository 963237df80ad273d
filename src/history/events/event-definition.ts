/** The declaration of an event log: which types of events there are, and what each carries. */
import type { z } from 'zod'
import { StatemeshError } from '../../base/error.ts'
import { definePartition, type PartitionDefinition } from '../../model/partition-definition.ts'
import type { LogEntry } from '../../partition/log/log-partition.ts'

export type EventSchemas = { readonly [type: string]: z.ZodType }

/** The names of the types. */
export type EventType<Schemas extends EventSchemas> = keyof Schemas & string

/** An event as it stands in the log; its writer and `seq` name it. */
export interface EventOf<Schemas extends EventSchemas, Type extends EventType<Schemas>> {
  readonly type: Type
  /** Frozen; a value that holds a Map, Set, Date or bytes, which cannot be, is a copy instead. */
  readonly data: z.infer<Schemas[Type]>
  /** The hybrid timestamp; see `timestampMilliseconds`. */
  readonly timestamp: number
  readonly actor: string
  /** The Yjs client that wrote it. */
  readonly writer: number
  /** How many events the writer had emitted before. */
  readonly seq: number
}

/** An event of any of the types. */
export type AnyEvent<Schemas extends EventSchemas> = {
  [Type in EventType<Schemas>]: EventOf<Schemas, Type>
}[EventType<Schemas>]

/** What is stored of an event. */
export interface StoredEvent {
  readonly type: string
  readonly data: unknown
}

export interface EventsDefinition<Schemas extends EventSchemas = EventSchemas> {
  readonly name: string
  readonly schemas: Schemas
  readonly partition: PartitionDefinition<StoredEvent, 'log'>
}

/**
 * Declares an event log.
 *
 * @param options.events the schema of the data of each type
 * @throws PARTITION_INVALID for a malformed name, or without a type
 */
export function defineEvents<const Schemas extends EventSchemas>(options: {
  name: string
  events: Schemas
}): EventsDefinition<Schemas> {
  const { name, events } = options
  // A projection folds from the first event on.
  const partition = definePartition<StoredEvent, 'log'>({ name, policy: 'log', permanent: true })
  if (Object.keys(events).length === 0) {
    throw new StatemeshError('PARTITION_INVALID', `${name}: an event log has at least one type`)
  }
  return Object.freeze({ name, schemas: Object.freeze({ ...events }), partition })
}

/** A log entry as an event; undefined for what is none, or of a type that is not declared here. */
export function readEvent<Schemas extends EventSchemas>(
  { schemas }: EventsDefinition<Schemas>,
  { value, timestamp, actor, writer, seq }: LogEntry<unknown>,
): AnyEvent<Schemas> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { type, data } = value as Partial<StoredEvent>
  if (typeof type !== 'string' || !Object.hasOwn(schemas, type)) return undefined
  return Object.freeze({ type, data, timestamp, actor, writer, seq }) as AnyEvent<Schemas>
}
