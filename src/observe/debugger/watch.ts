/** Tells what each change of an open partition changed, deep within its values. */
import * as Y from 'yjs'
import type { TimeSource } from '../../base/time.ts'
import { systemTime } from '../../base/time.ts'
import type { BudgetPartition } from '../../partition/budget/budget-partition.ts'
import { CounterPartition } from '../../partition/counter-partition.ts'
import { CrdtPartition } from '../../partition/crdt-partition.ts'
import { LogPartition } from '../../partition/log/log-partition.ts'
import { RegisterPartition } from '../../partition/register/register-partition.ts'
import { stateJson } from '../../state/state-text.ts'
import { readNative } from './native-state.ts'
import { type DeepChange, diffStates } from './state-diff.ts'

/** What one transaction changed. */
export interface WatchedChange {
  /** When it was seen, in milliseconds since the epoch. */
  readonly at: number
  readonly origin: 'local' | 'remote'
  /** Their paths begin with the key, the root, or the place in the log. */
  readonly changes: readonly DeepChange[]
}

type Watchable<Value> =
  | RegisterPartition<Value>
  | LogPartition<Value>
  | CounterPartition
  | BudgetPartition
  | CrdtPartition

/**
 * Calls `listener` after each transaction that changed what an open partition says, local or remote.
 * Costs as much as what changed; of a `crdt` partition, as much as the document.
 *
 * @returns ends it
 * @throws CLOSED
 */
export function watchPartition<Value>(
  partition: Watchable<Value>,
  listener: (change: WatchedChange) => void,
  options: { time?: TimeSource } = {},
): () => void {
  const { time = systemTime } = options
  const tell = (origin: WatchedChange['origin'], changes: readonly DeepChange[]) => {
    if (changes.length > 0) listener(Object.freeze({ at: time.now(), origin, changes }))
  }
  if (partition instanceof RegisterPartition) return watchRegisters(partition, tell)
  if (partition instanceof LogPartition) return watchLog(partition, tell)
  if (partition instanceof CrdtPartition) return watchNative(partition, tell)
  return watchAmounts(partition, tell)
}

type Tell = (origin: WatchedChange['origin'], changes: readonly DeepChange[]) => void

function watchRegisters<Value>(registers: RegisterPartition<Value>, tell: Tell): () => void {
  return registers.subscribe(changes => {
    const found = changes.flatMap(({ key, previous, value }) =>
      under(key, jsonOf(previous), jsonOf(value)),
    )
    tell(changes[0]?.origin ?? 'remote', found)
  })
}

function watchLog<Value>(log: LogPartition<Value>, tell: Tell): () => void {
  return log.subscribe(arrivals => {
    const found = arrivals.map(({ entry }): DeepChange => {
      const path = [entry.writer, entry.seq]
      return { path, kind: 'added', before: undefined, after: stateJson(entry.value) }
    })
    tell(arrivals[0]?.origin ?? 'remote', found)
  })
}

/** Balances and sums, remembered by key. */
function watchAmounts(partition: CounterPartition | BudgetPartition, tell: Tell): () => void {
  const known = new Map<string, number>(partition.entries())
  const changed = (key: string, value: number): DeepChange[] => {
    const before = known.get(key)
    known.set(key, value)
    return under(key, before, value)
  }
  if (partition instanceof CounterPartition) {
    return partition.subscribe(changes => {
      const found = changes.flatMap(({ key, value }) => changed(key, value))
      tell(changes[0]?.origin ?? 'remote', found)
    })
  }
  return partition.subscribe(({ keys, origin }) => {
    tell(
      origin,
      keys.flatMap(key => changed(key, partition.balance(key))),
    )
  })
}

/** The document is read in a copy, since reading may give a root its kind. */
function watchNative(partition: CrdtPartition, tell: Tell): () => void {
  const read = () => {
    const copy = new Y.Doc()
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(partition.doc))
    return readNative(copy)
  }
  let known = read()
  return partition.subscribe(({ origin }) => {
    const before = known
    known = read()
    tell(origin, diffStates(before, known).changes)
  })
}

function jsonOf(value: unknown): unknown {
  return value === undefined ? undefined : stateJson(value)
}

function under(key: string, before: unknown, after: unknown): DeepChange[] {
  return diffStates(before, after).changes.map(change => {
    return { ...change, path: [key, ...change.path] }
  })
}
