/** Counters are exact: a value is the sum of the increments that are known where it is read. */
import type { CounterPartition } from '../../src/partition/counter-partition.ts'
import { type CausalWrite, type KnownClocks, knows } from '../oracle/causal-oracle.ts'
import { Violation } from './violation.ts'

export interface Increment extends CausalWrite {
  readonly by: number
}

export function checkCounter(
  where: string,
  partition: Pick<CounterPartition, 'value'>,
  key: string,
  { increments, known }: { increments: readonly Increment[]; known: KnownClocks },
): void {
  let expected = 0
  for (const increment of increments) {
    if (increment.key === key && knows(known, increment)) expected += increment.by
  }
  const value = partition.value(key)
  if (value === expected) return
  const message = `${where}: ${key} is ${value}, what is known adds up to ${expected}`
  throw new Violation('exact counters', message)
}
