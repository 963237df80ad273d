/**
 * A partition that is in memory only while it is used: opened at the first use, filled by a loader
 * where it holds nothing yet, and given back when nobody has used it for a while.
 */
import { StatemeshError } from '../base/error.ts'
import { type CancelTimer, systemTime, type TimeSource } from '../base/time.ts'
import type { Scope } from '../model/scope.ts'
import type { AnyPartitionDefinition, PartitionHandle } from '../partition/open-partition.ts'
import type { OpenOptions, StateReplica } from './replica-port.ts'

export interface LazyOptions<Definition extends AnyPartitionDefinition> extends OpenOptions {
  /**
   * Fills the partition. Called once at a time, when it was opened and `isEmpty` says so; where it
   * throws, whoever waits hears it, and the next use calls it again. Two replicas that do not see
   * each other may both fill it.
   */
  load?(partition: PartitionHandle<Definition>): unknown
  /** Whether it has to be filled. Default: it has no keys, or, where it has none by nature, never. */
  isEmpty?(partition: PartitionHandle<Definition>): boolean
  /** How long it stays after its last use. Default 30,000. */
  idleMilliseconds?: number
  time?: TimeSource
}

/** Nothing is opened before the first use. */
export function lazyPartition<const Definition extends AnyPartitionDefinition>(
  replica: StateReplica,
  scope: Scope,
  definition: Definition,
  options: LazyOptions<Definition> = {},
): LazyPartition<Definition> {
  return new LazyPartition(replica, scope, definition, options)
}

const idleMillisecondsDefault = 30_000

export class LazyPartition<Definition extends AnyPartitionDefinition> {
  readonly #replica: StateReplica
  readonly #scope: Scope
  readonly #definition: Definition
  readonly #options: LazyOptions<Definition>
  #opening: Promise<PartitionHandle<Definition>> | undefined
  #users = 0
  #cancelIdle: CancelTimer | undefined
  #closed = false

  /** Not for users: `lazyPartition` makes them. */
  constructor(
    replica: StateReplica,
    scope: Scope,
    definition: Definition,
    options: LazyOptions<Definition>,
  ) {
    this.#replica = replica
    this.#scope = scope
    this.#definition = definition
    this.#options = options
  }

  /** Whether it is open, or on its way. */
  get isOpen(): boolean {
    return this.#opening !== undefined
  }

  /**
   * Gives `work` the open partition; it must not keep it for longer.
   *
   * @throws CLOSED, what `load` and `work` throw, and as `Replica.open` does
   */
  async use<Result>(
    work: (partition: PartitionHandle<Definition>) => Result | Promise<Result>,
  ): Promise<Result> {
    if (this.#closed) throw new StatemeshError('CLOSED', 'the lazy partition is closed')
    this.#users += 1
    this.#cancelIdle?.()
    try {
      this.#opening ??= this.#open()
      return await work(await this.#opening)
    } finally {
      this.#users -= 1
      if (this.#users === 0) this.#restLater()
    }
  }

  /** Gives the partition back now, when those who use it are done. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancelIdle?.()
    if (this.#users === 0) await this.#rest()
  }

  async #open(): Promise<PartitionHandle<Definition>> {
    const { load, actor, isEmpty = hasNoKeys } = this.#options
    let partition: PartitionHandle<Definition> | undefined
    try {
      partition = await this.#replica.open(this.#scope, this.#definition, {
        ...(actor && { actor }),
      })
      if (load !== undefined && isEmpty(partition)) await load(partition)
      return partition
    } catch (thrown) {
      this.#opening = undefined
      partition?.close()
      throw thrown
    }
  }

  #restLater(): void {
    if (this.#closed) return void this.#rest()
    const { time = systemTime, idleMilliseconds = idleMillisecondsDefault } = this.#options
    this.#cancelIdle = time.after(idleMilliseconds, () => void this.#rest())
  }

  async #rest(): Promise<void> {
    const opening = this.#opening
    this.#opening = undefined
    // Nobody uses it, so it has been opened.
    ;(await opening)?.close()
  }
}

function hasNoKeys(partition: object): boolean {
  return 'size' in partition && partition.size === 0
}
