/**
 * Snapshots of a projection, in a partition beside its events, so that opening it folds only what
 * has come since. A snapshot is a shortcut and nothing else: one that does not fit the events that
 * are here (its version is another, events are missing, or one arrived late) is left unused.
 */
import { StatemeshError } from '../../base/error.ts'
import { definePartition, type PartitionDefinition } from '../../model/partition-definition.ts'
import type { Scope } from '../../model/scope.ts'
import type { StoredValue } from '../../model/value.ts'
import type { LogPosition } from '../../partition/log/log-entry.ts'
import type { LogPartition } from '../../partition/log/log-partition.ts'
import type { RegisterPartition } from '../../partition/register/register-partition.ts'
import { fromChunks, toChunks } from '../chunked-values.ts'
import type { HistoryReplica } from '../replica-port.ts'
import { chunksMax, fieldsOf, isCount, isText } from '../stored-fields.ts'
import { viewDigest } from '../view-digest.ts'
import type { EventCursor } from './event-cursor.ts'
import type { ProjectionProblem, ProjectionStart } from './projection-state.ts'

interface Head {
  readonly version: number
  readonly position: LogPosition
  readonly count: number
  /** What of each writer is folded in. */
  readonly cursor: EventCursor
  readonly chunks: number
  /** Of the chunks: those of two snapshots that were written at once do not mix unseen. */
  readonly digest: string
  /** Whether some event could not be applied: then everything is folded, to find it again. */
  readonly failed: boolean
}

const headKey = 'head'

export class ProjectionSnapshots {
  readonly #registers: RegisterPartition<unknown>

  private constructor(registers: RegisterPartition<unknown>) {
    this.#registers = registers
  }

  static async open(
    replica: HistoryReplica,
    scope: Scope,
    name: string,
  ): Promise<ProjectionSnapshots> {
    return new ProjectionSnapshots(await replica.open(scope, snapshotsOf(name)))
  }

  /** The snapshot as a start of a fold; undefined where there is none that fits. */
  find(
    log: Pick<LogPartition, 'entries' | 'get' | 'length'>,
    version: number,
  ): ProjectionStart | undefined {
    const head = readHead(this.#registers.get(headKey))
    if (head === undefined || head.version !== version || head.failed) return undefined
    if (!covers(head, log)) return undefined
    const chunks = chunkKeys(head.chunks).map(key => this.#registers.get(key))
    try {
      const values = fromChunks(chunks)
      const { position, count, digest } = head
      if (digestOf(chunks) !== digest) return undefined
      return { values, position, count, problems: [] }
    } catch (thrown) {
      if (thrown instanceof StatemeshError) return undefined
      throw thrown
    }
  }

  /** Keeps a snapshot in the place of the one before. @throws VALUE_INVALID */
  keep(parts: {
    version: number
    position: LogPosition
    count: number
    cursor: EventCursor
    problems: readonly ProjectionProblem[]
    values: Iterable<readonly [string, StoredValue]>
  }): void {
    const { version, position, count, cursor, problems } = parts
    const chunks = toChunks(parts.values)
    const keys = chunkKeys(chunks.length)
    const head: Head = {
      version,
      position: { ...position },
      count,
      cursor,
      chunks: chunks.length,
      digest: digestOf(chunks),
      failed: problems.length > 0,
    }
    const registers = this.#registers
    registers.transact(() => {
      registers.set(headKey, head)
      for (const [index, key] of keys.entries()) registers.set(key, chunks[index])
      for (const key of [...registers.keys()]) {
        if (key !== headKey && !keys.includes(key)) registers.delete(key)
      }
    })
  }

  close(): void {
    this.#registers.close()
  }
}

/**
 * Whether the events up to the snapshot's position are exactly those that it was made of: all of
 * them are here, and there are no more of them.
 */
function covers(head: Head, log: Pick<LogPartition, 'entries' | 'get' | 'length'>): boolean {
  for (const [writer, seq] of Object.entries(head.cursor)) {
    if (log.get({ writer: Number(writer), seq: seq - 1 }) === undefined) return false
  }
  let behind = 0
  for (const _ of log.entries({ after: head.position })) behind += 1
  return log.length - behind === head.count
}

function readHead(value: unknown): Head | undefined {
  const { version, position, count, cursor, chunks, digest, failed } = fieldsOf(value)
  const { timestamp, actor, writer, seq } = fieldsOf(position)
  if (![version, count, chunks, timestamp, writer, seq].every(isCount)) return undefined
  if (!isText(digest) || !isText(actor) || (chunks as number) > chunksMax) return undefined
  if (typeof cursor !== 'object' || cursor === null) return undefined
  return { ...(value as Head), failed: failed !== false }
}

function digestOf(chunks: readonly unknown[]): string {
  return viewDigest(chunks.map((chunk, index) => [String(index), viewDigest(chunk as [])]))
}

function chunkKeys(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `chunk:${index}`)
}

function snapshotsOf(name: string): PartitionDefinition<unknown, 'last-write-wins'> {
  return definePartition<unknown, 'last-write-wins'>({ name, policy: 'last-write-wins' })
}
