/**
 * The inbox is exact: it lists the keys whose siblings do not say the same, tells of each as it
 * opens and ends, and a resolution stands until a write that did not see it says something else.
 */
import type { Conflict, ConflictChange } from '../../src/partition/inbox/inbox.ts'
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

  /** Whether these are the conflicts that were told of. */
  isListOf(open: ReadonlyMap<string, Conflict>): boolean {
    if (open.size !== this.#tokens.size) return false
    for (const { key, token } of open.values()) if (this.#tokens.get(key) !== token) return false
    return true
  }

  toString(): string {
    return [...this.#tokens].map(([key, token]) => `${key}: ${token}`).join(', ')
  }
}

export function checkInbox(where: string, partition: RegisterPartition, told: ToldConflicts): void {
  const broken = (why: string) => new Violation('exact inbox', `${where}: ${why}`)
  const open = new Map<string, Conflict>()
  for (const conflict of partition.conflicts()) {
    const { key, siblings } = conflict
    open.set(key, conflict)
    if (siblings.length < 2) throw broken(`"${key}" is listed and has no two siblings`)
  }
  for (const key of partition.keys()) {
    const siblings = partition.siblings(key)
    const sayings = siblings.map(({ deleted, value }) => (deleted ? 'deleted' : value))
    const disagree = new Set(sayings).size > 1
    if (disagree !== open.has(key)) throw broken(`"${key}" has ${siblings.length} siblings`)
  }
  if (!told.isListOf(open)) {
    const listed = [...open.values()].map(({ key, token }) => `${key}: ${token}`)
    throw broken(`told of [${told}], lists [${listed.join(', ')}]`)
  }
  for (const { key, writer, timestamp, status } of partition.resolutions()) {
    const siblings = open.get(key)?.siblings ?? []
    const isSibling = siblings.some(
      sibling => sibling.writer === writer && sibling.timestamp === timestamp,
    )
    const expected = isSibling ? 'pending' : 'resolved'
    if (status !== expected) throw broken(`a resolution of "${key}" is ${status}`)
  }
}
