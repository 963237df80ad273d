/** Reads the past of a partition from the records of its changes. */
import { StatemeshError } from '../../base/error.ts'
import type { Sibling } from '../../model/partition-definition.ts'
import type { RegisterPartition } from '../../partition/register/register-partition.ts'
import type { AuditIndex } from '../audit/audit-index.ts'
import { entriesAt, type KeyPast, type PastEntry, pastOf } from './change-graph.ts'
import { PastView } from './past-view.ts'

export interface PastReaderOptions<Value> {
  index: AuditIndex
  /** Before it, in milliseconds since the epoch, changes are gone. */
  horizon: number
  registers: RegisterPartition<Value>
  /** What a key reads as while it has several siblings. */
  decide(siblings: readonly Sibling[]): unknown
}

export class PastReader<Value> {
  readonly index: AuditIndex
  readonly registers: RegisterPartition<Value>
  readonly #options: PastReaderOptions<Value>

  constructor(options: PastReaderOptions<Value>) {
    this.#options = options
    this.index = options.index
    this.registers = options.registers
  }

  /** @throws HISTORY_TRIMMED */
  checkKept(milliseconds: number): void {
    if (milliseconds >= this.#options.horizon) return
    const horizon = new Date(this.#options.horizon).toISOString()
    throw new StatemeshError('HISTORY_TRIMMED', `changes from before ${horizon} are gone`)
  }

  of(key: string): KeyPast {
    return pastOf(key, this.index, this.registers.siblings(key))
  }

  /** The state at a time. @throws HISTORY_TRIMMED */
  at(milliseconds: number): PastView<Value> {
    this.checkKept(milliseconds)
    const timestampMax = timestampFrom(milliseconds + 1) - 1
    const values: [string, unknown][] = []
    const unknown: string[] = []
    for (const key of new Set([...this.registers.keys(), ...this.index.keys()])) {
      const standing = entriesAt(this.of(key), timestampMax)
      const value = this.read(standing)
      if (!isKnown(standing)) unknown.push(key)
      else if (value !== undefined) values.push([key, value])
    }
    return new PastView(milliseconds, values, unknown)
  }

  /** What a key reads as with these entries, the winner first. */
  read(entries: readonly PastEntry[]): Value | undefined {
    const value = entries.length > 1 ? this.#options.decide(entries as never) : entries[0]?.value
    return value as Value | undefined
  }
}

/** Whether the values of all entries were kept. */
export function isKnown(entries: readonly PastEntry[]): boolean {
  return entries.every(({ kept }) => kept)
}

/** The first hybrid timestamp of a millisecond. */
export function timestampFrom(milliseconds: number): number {
  return Math.ceil(milliseconds) * 1024
}
