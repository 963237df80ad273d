/**
 * Makes many small durable writes cheap: one fsync commits all writes that gathered while the one
 * before it was under way.
 *
 * - G1. One group is under way at a time, and groups take the writes in the order in which they
 *   came, so nothing becomes durable before what was written earlier.
 * - G2. A write resolves after its group, never before.
 * - G3. When a group fails, its writes reject, and so do all that wait at that moment: each of them
 *   may build on one that failed. Later writes are tried again.
 */
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import { systemTime, type TimeSource } from '../base/time.ts'
import { WritePace } from './write-pace.ts'

/** What a group commit asks of a write. */
export interface GroupedWrite {
  readonly bytes: number
  /** Whether it needs a group of its own. */
  readonly alone: boolean
}

/** How one write went; an error here concerns it alone. */
export type WriteOutcome<Result> = Result | StatemeshError

export interface GroupCommitOptions<Write extends GroupedWrite, Result> {
  /**
   * Writes a group, atomically and durably, and says how each of its writes went, in their order.
   * Where it throws, the whole group has failed.
   */
  commit(writes: readonly Write[]): Promise<readonly WriteOutcome<Result>[]>
  /** More writes in a group add delay and hardly any throughput. Default 1,000. */
  groupWritesMax?: number
  /** Keeps the delay of one fsync, and its memory, bounded. Default 4 MiB; one write may exceed it. */
  groupBytesMax?: number
  /**
   * Holds the bytes of a group to what the disk writes in this time, going by the groups before it;
   * its fsync comes on top. Default 10: several fsyncs' worth, so that little throughput is lost.
   */
  groupMillisecondsMax?: number
  /** Default: the system's. */
  time?: TimeSource
}

interface Waiting<Write, Result> {
  readonly write: Write
  resolve(result: Result): void
  reject(error: StatemeshError): void
}

export class GroupCommit<Write extends GroupedWrite, Result> {
  readonly #commit: GroupCommitOptions<Write, Result>['commit']
  readonly #writesMax: number
  readonly #bytesMax: number
  readonly #pace: WritePace
  readonly #time: TimeSource
  #waiting: Waiting<Write, Result>[] = []
  #running: Promise<void> | undefined

  constructor(options: GroupCommitOptions<Write, Result>) {
    this.#commit = options.commit
    this.#writesMax = options.groupWritesMax ?? 1000
    this.#bytesMax = options.groupBytesMax ?? 4 * 1024 * 1024
    this.#pace = new WritePace(options.groupMillisecondsMax ?? 10)
    this.#time = options.time ?? systemTime
  }

  /**
   * Resolves when the write is durable.
   *
   * @throws STORAGE_UNAVAILABLE, or the error of the write itself
   */
  write(write: Write): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ write, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when no write is under way. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    // The writes of one turn belong together.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#commitGroup(this.#takeGroup())
    this.#running = undefined
  }

  async #commitGroup(group: readonly Waiting<Write, Result>[]): Promise<void> {
    const begun = this.#time.monotonic()
    try {
      const outcomes = await this.#commit(group.map(({ write }) => write))
      this.#measure(group, this.#time.monotonic() - begun)
      for (let index = 0; index < group.length; index++) {
        const { resolve, reject } = group[index] as Waiting<Write, Result>
        const outcome = outcomes[index] as WriteOutcome<Result>
        if (outcome instanceof StatemeshError) reject(outcome)
        else resolve(outcome)
      }
    } catch (thrown) {
      const error = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
      const behind = this.#waiting
      this.#waiting = []
      for (const { reject } of [...group, ...behind]) reject(error)
    }
  }

  #measure(group: readonly Waiting<Write, Result>[], milliseconds: number): void {
    let bytes = 0
    for (const { write } of group) {
      if (write.alone) return // it does more than write its bytes
      bytes += write.bytes
    }
    this.#pace.measured(bytes, milliseconds)
  }

  #takeGroup(): Waiting<Write, Result>[] {
    const bytesMax = Math.min(this.#bytesMax, this.#pace.bytesMax)
    let count = 0
    let bytes = 0
    for (const { write } of this.#waiting) {
      if (count > 0 && (write.alone || bytes + write.bytes > bytesMax)) break
      count += 1
      bytes += write.bytes
      if (write.alone || count === this.#writesMax) break
    }
    return this.#waiting.splice(0, count)
  }
}
