/**
 * Modules merge: whatever was done at once, a state holds every entry whose action is known, parts
 * that one action writes are of one action, and nothing in the document cannot be read.
 */
import { type CausalWrite, type KnownClocks, knows } from '../oracle/causal-oracle.ts'
import { Violation } from './violation.ts'

/** An entry that somebody added and nobody takes away. */
export type AddedEntry = Pick<CausalWrite, 'writer' | 'end'> & { readonly id: string }

export interface MergedState {
  readonly pair: { readonly a: number; readonly b: number }
  has(id: string): boolean
  readonly problems: readonly { readonly place: string; readonly error: Error }[]
}

export function checkModule(
  where: string,
  { pair, has, problems }: MergedState,
  { added, known }: { added: readonly AddedEntry[]; known: KnownClocks },
): void {
  const broken = (why: string) => new Violation('merged modules', `${where}: ${why}`)
  if (pair.a !== pair.b) throw broken(`of what one action writes ${pair.a} and ${pair.b} are read`)
  const missing = added.find(entry => knows(known, entry) && !has(entry.id))
  if (missing !== undefined) throw broken(`${missing.id} was added and is not there`)
  const [problem] = problems
  if (problem !== undefined) throw broken(`${problem.place}: ${problem.error.message}`)
}
