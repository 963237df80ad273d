/** The declaration of a projection: how events make a view of keys and values. */
import { StatemeshError } from '../../base/error.ts'
import { parsePartitionName } from '../../model/partition-definition.ts'
import type { EventOf, EventSchemas, EventsDefinition, EventType } from './event-definition.ts'

/** The view while an event is applied to it; values that are read are frozen. */
export interface ProjectionView<Value> {
  get(key: string): Value | undefined
  set(key: string, value: Value): void
  delete(key: string): void
}

/**
 * What each type of event does to the view. It has to be a function of the view and the event
 * alone: no clock, no randomness, no outside state.
 */
export type ProjectionRules<Schemas extends EventSchemas, Value> = {
  readonly [Type in EventType<Schemas>]?: (
    view: ProjectionView<Value>,
    event: EventOf<Schemas, Type>,
  ) => void
}

export interface ProjectionDefinition<Schemas extends EventSchemas, Value> {
  readonly name: string
  /** Snapshots of another version are not used. */
  readonly version: number
  readonly events: EventsDefinition<Schemas>
  readonly rules: ProjectionRules<Schemas, Value>
}

/**
 * Declares a projection.
 *
 * @param options.version raise it when the rules change; 1 unless given
 * @throws PARTITION_INVALID for a malformed name, a bad version, or a rule for an unknown event
 */
export function defineProjection<
  Value,
  const Schemas extends EventSchemas = EventSchemas,
>(options: {
  name: string
  version?: number
  events: EventsDefinition<Schemas>
  rules: ProjectionRules<Schemas, Value>
}): ProjectionDefinition<Schemas, Value> {
  const { name, version = 1, events, rules } = options
  parsePartitionName(projectionPartition(events.name, name))
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new StatemeshError('PARTITION_INVALID', `${name}: version must be a positive integer`)
  }
  const unknown = Object.keys(rules).find(type => !Object.hasOwn(events.schemas, type))
  if (unknown !== undefined) {
    throw new StatemeshError('PARTITION_INVALID', `${name}: ${events.name} has no "${unknown}"`)
  }
  return Object.freeze({ name, version, events, rules: Object.freeze({ ...rules }) })
}

/** The name of the partition that keeps a projection's snapshots. */
export function projectionPartition(events: string, projection: string): string {
  return `${events}-${projection}`
}
