/**
 * One partition in several scopes, read as one: the innermost scope that has a key answers, and
 * says that it did.
 */
import { Emitter } from '../base/emitter.ts'
import { StatemeshError } from '../base/error.ts'
import type { PartitionDefinition, PolicyFunction } from '../model/partition-definition.ts'
import type { Scope } from '../model/scope.ts'
import type { RegisterPartition } from '../partition/register/register-partition.ts'
import type { OpenOptions, StateReplica } from './replica-port.ts'
import { type ScopeChain, scopesOf } from './scope-chain.ts'

/** A definition of a partition of registers. */
export type RegisterDefinition<Value> = PartitionDefinition<
  Value,
  'last-write-wins' | 'merge' | 'manual' | PolicyFunction<Value>
>

export interface Answer<Value> {
  readonly value: Value
  /** Which scope answered. */
  readonly scope: Scope
}

export interface ReadThroughChange<Value> {
  readonly key: string
  /** What the key reads as now; undefined where no scope has it. */
  readonly answer: Answer<Value> | undefined
  /** The scope in which something changed. What an inner scope hides changes too. */
  readonly changedAt: Scope
  readonly origin: 'local' | 'remote'
}

/** @throws SCOPE_INVALID, and as `Replica.open` does; nothing is open then */
export async function openReadThrough<Value>(
  replica: StateReplica,
  chain: ScopeChain,
  definition: RegisterDefinition<Value>,
  options: OpenOptions = {},
): Promise<ReadThrough<Value>> {
  const opened: Layer<Value>[] = []
  try {
    for (const scope of scopesOf(chain)) {
      const partition = await replica.open(scope, definition, options)
      opened.push({ scope, partition: partition as unknown as RegisterPartition<Value> })
    }
  } catch (error) {
    for (const { partition } of opened) partition.close()
    throw error
  }
  return new ReadThrough(opened)
}

interface Layer<Value> {
  readonly scope: Scope
  readonly partition: RegisterPartition<Value>
}

export class ReadThrough<Value> {
  readonly #layers: readonly Layer<Value>[]
  readonly #listeners = new Emitter<{ change: ReadThroughChange<Value> }>()

  /** Not for users: `openReadThrough` makes it. */
  constructor(layers: readonly Layer<Value>[]) {
    this.#layers = layers
    for (const { scope, partition } of layers) {
      partition.subscribe(changes => {
        for (const { key, origin } of changes) {
          const answer = this.get(key)
          this.#listeners.emit('change', Object.freeze({ key, answer, changedAt: scope, origin }))
        }
      })
    }
  }

  /** What the innermost scope that has the key says; undefined if none has it. @throws CLOSED */
  get(key: string): Answer<Value> | undefined {
    return this.answers(key).next().value
  }

  /** What every scope says that has the key, the innermost first. @throws CLOSED */
  *answers(key: string): IterableIterator<Answer<Value>, undefined> {
    for (const { scope, partition } of this.#layers) {
      const value = partition.get(key)
      if (value !== undefined) yield Object.freeze({ value, scope })
    }
    return undefined
  }

  /** Every key that some scope has, with its answer. @throws CLOSED */
  *entries(): IterableIterator<[string, Answer<Value>]> {
    const seen = new Set<string>()
    for (const { scope, partition } of this.#layers) {
      for (const [key, value] of partition.entries()) {
        if (seen.has(key)) continue
        seen.add(key)
        yield [key, Object.freeze({ value, scope })]
      }
    }
  }

  /**
   * Writes in a scope, the innermost unless another is named.
   *
   * @throws SCOPE_INVALID for a scope that is not in the chain, KEY_INVALID, VALUE_INVALID, CLOSED
   */
  set(key: string, value: Value, at?: Scope): void {
    this.layer(at).set(key, value)
  }

  /**
   * Deletes in a scope, the innermost unless another is named; a containing scope answers then.
   *
   * @returns false if there was nothing to delete
   * @throws SCOPE_INVALID, KEY_INVALID, CLOSED
   */
  delete(key: string, at?: Scope): boolean {
    return this.layer(at).delete(key)
  }

  /** The partition of one scope, the innermost unless another is named. @throws SCOPE_INVALID */
  layer(at?: Scope): RegisterPartition<Value> {
    const wanted = at?.toString()
    const found = this.#layers.find(
      ({ scope }) => wanted === undefined || scope.toString() === wanted,
    )
    if (found === undefined) {
      throw new StatemeshError('SCOPE_INVALID', `${wanted} is not in this chain of scopes`)
    }
    return found.partition
  }

  /** Calls `listener` for every key that changed in some scope. @returns ends it */
  subscribe(listener: (change: ReadThroughChange<Value>) => void): () => void {
    return this.#listeners.on('change', listener)
  }

  close(): void {
    for (const { partition } of this.#layers) partition.close()
  }
}
