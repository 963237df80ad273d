/**
 * The inbox is exact: it lists the keys whose siblings do not say the same, tells of each as it
 * opens and ends, and a resolution stands until a write that did not see it says something else.
 */
import type { ConflictChange } from '../../src/partition/inbox/inbox.ts'
import type { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { Violation } from './violation.ts'

/** The conflicts that a listener has been told of and that have not ended, by key. */
export class ToldConflicts {
  readonly #tokens = new Map<string, string>()

  /** @throws Violation for news that does not go with those before */
  tell({ type, conflict }: ConflictChange): void {
    const { key, token } = conflict
    if ((type === 'opened') === this.#tokens.has(key)) {
      throw new Violation('exact inbox', `key "${key}": ${type} is told at the wrong time`)
    }
    if (type === 'resolved') this.#tokens.delete(key)
    else this.#tokens.set(key, token)
  }

  start(partition: RegisterPartition): void {
    for (const { key, token } of partition.conflicts()) this.#tokens.set(key, token)
  }

  toString(): string {
    return listed(this.#tokens)
  }
}

export function checkInbox(where: string, partition: RegisterPartition, told: ToldConflicts): void {
  const broken = (why: string) => new Violation('exact inbox', `${where}: ${why}`)
  const open = new Map<string, string>()
  for (const { key, token, siblings } of partition.conflicts()) {
    open.set(key, token)
    if (siblings.length < 2) throw broken(`"${key}" is listed and has no two siblings`)
  }
  for (const key of partition.keys()) {
    const siblings = partition.siblings(key)
    const sayings = siblings.map(({ deleted, value }) => (deleted ? 'deleted' : value))
    const disagree = new Set(sayings).size > 1
    if (disagree !== open.has(key)) throw broken(`"${key}" has ${siblings.length} siblings`)
  }
  if (listed(open) !== told.toString()) throw broken(`told of [${told}], lists [${listed(open)}]`)
  for (const { key, writer, timestamp, status } of partition.resolutions()) {
    const isSibling = partition
      .siblings(key)
      .some(sibling => sibling.writer === writer && sibling.timestamp === timestamp)
    const expected = isSibling && open.has(key) ? 'pending' : 'resolved'
    if (status !== expected) throw broken(`a resolution of "${key}" is ${status}`)
  }
}

function listed(tokens: ReadonlyMap<string, string>): string {
  return [...tokens]
    .map(([key, token]) => `${key}: ${token}`)
    .sort()
    .join(', ')
}
