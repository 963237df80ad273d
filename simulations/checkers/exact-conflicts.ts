/** Conflicts are exact: the siblings of a key are those that causality says, no more and no fewer. */
import type { CausalOracle, KnownClocks } from '../oracle/causal-oracle.ts'
import { Violation } from './violation.ts'

/** A partition of registers, or what was read of one. */
export interface SiblingReader {
  siblings(key: string): readonly { readonly writer: number; readonly timestamp: number }[]
}

/** How a write is recognised: its writer gives no two writes one stamp. */
export function writeLabel(sibling: { writer: number; timestamp: number }): string {
  return `${sibling.writer}@${sibling.timestamp}`
}

export function checkConflicts(
  where: string,
  partition: SiblingReader,
  key: string,
  { oracle, known }: { oracle: CausalOracle; known: KnownClocks },
): void {
  const found = partition.siblings(key).map(writeLabel).sort().join(' ')
  const expected = oracle.labels(key, known).join(' ')
  if (found === expected) return
  throw new Violation(
    'exact conflicts',
    `${where}, key "${key}": siblings are [${found}], causality says [${expected}]`,
  )
}
