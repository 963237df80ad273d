/** Queries over partitions of several scopes at once; results say where they are from. */
import { StatemeshError } from '../base/error.ts'
import type { Scope } from '../model/scope.ts'
import { scopePattern } from '../model/scope-pattern.ts'
import type { AnyPartitionDefinition } from '../partition/open-partition.ts'
import { type Found, Queries } from './queries.ts'
import { QueryableRegisters } from './queryable-registers.ts'

/** An entry that was found, and where. */
export interface ScopedFound<Value> extends Found<Value> {
  readonly scope: Scope
  /** The name of the partition. */
  readonly partition: string
}

/** An open partition, and where it is. */
export interface ScopedPartition<Value> {
  readonly scope: Scope
  readonly partition: string
  readonly handle: QueryableRegisters<Value>
}

/** What this area needs of a replica. */
export interface QueryReplica {
  open(
    scope: Scope,
    definition: AnyPartitionDefinition,
    options?: { actor?: string },
  ): Promise<unknown>
  /** The scopes of which the replica has the partition. */
  scopes(definition: AnyPartitionDefinition): Promise<readonly Scope[]>
}

/** Each is a document in memory. */
const partitionsMax = 1000

/**
 * Opens partitions in several scopes, to be queried as one.
 *
 * @param scopes the scopes, or a pattern of those of which the replica has the partition by now:
 * `room:*` for all rooms, `agent:a1/**` for all within an agent
 * @throws SCOPE_INVALID, OPTION_INVALID for what are no partitions of registers, or more than 1,000,
 * and as `Replica.open` does; nothing is open then
 */
export async function openQueries<Value = unknown>(
  replica: QueryReplica,
  definitions: AnyPartitionDefinition | readonly AnyPartitionDefinition[],
  scopes: readonly Scope[] | string,
  options: { actor?: string } = {},
): Promise<ScopedQueries<Value>> {
  const wanted: { scope: Scope; definition: AnyPartitionDefinition }[] = []
  for (const definition of [definitions].flat() as AnyPartitionDefinition[]) {
    const own = typeof scopes === 'string' ? await known(replica, definition, scopes) : scopes
    for (const scope of own) wanted.push({ scope, definition })
  }
  if (wanted.length > partitionsMax) {
    throw new StatemeshError('OPTION_INVALID', `at most ${partitionsMax} partitions are queried`)
  }
  const opened: ScopedPartition<Value>[] = []
  try {
    for (const { scope, definition } of wanted) {
      const handle = await replica.open(scope, definition, options)
      if (!(handle instanceof QueryableRegisters)) {
        ;(handle as { close(): void }).close()
        throw new StatemeshError('OPTION_INVALID', `${definition.name} holds no keys with values`)
      }
      opened.push({ scope, partition: definition.name, handle })
    }
    return queriesOver(opened)
  } catch (error) {
    for (const { handle } of opened) handle.close()
    throw error
  }
}

/** Queries over partitions that are open already. @throws OPTION_INVALID for one given twice */
export function queriesOver<Value>(
  partitions: readonly ScopedPartition<Value>[],
): ScopedQueries<Value> {
  const places = new Set(partitions.map(placeOf))
  if (places.size < partitions.length) {
    throw new StatemeshError('OPTION_INVALID', 'a partition of a scope is given twice')
  }
  return new ScopedQueries(partitions)
}

export class ScopedQueries<Value> extends Queries<Value, ScopedFound<Value>> {
  readonly #partitions: readonly ScopedPartition<Value>[]

  /** Not for users: `openQueries` and `queriesOver` make it. */
  constructor(partitions: readonly ScopedPartition<Value>[]) {
    super(
      partitions.map(own => ({
        engine: own.handle.engine,
        place: placeOf(own),
        result: (key, value) =>
          Object.freeze({ key, value, scope: own.scope, partition: own.partition }),
      })),
    )
    this.#partitions = partitions
  }

  /** Where it looks. */
  get places(): readonly Omit<ScopedPartition<Value>, 'handle'>[] {
    return this.#partitions.map(({ scope, partition }) => Object.freeze({ scope, partition }))
  }

  /** Closes the partitions. Later calls throw CLOSED. */
  close(): void {
    for (const { handle } of this.#partitions) handle.close()
  }
}

async function known(
  replica: QueryReplica,
  definition: AnyPartitionDefinition,
  pattern: string,
): Promise<Scope[]> {
  const fits = scopePattern(pattern)
  return (await replica.scopes(definition)).filter(fits)
}

function placeOf({ scope, partition }: { scope: Scope; partition: string }): string {
  return `${scope}/${partition}`
}
