/**
 * A way back loses no concurrent write: right after it the state is that of its target, and what it
 * had not seen stays, and is listed.
 */
import type { Reversal } from '../../src/history/versions/reversal.ts'
import { type CausalOracle, type KnownClocks, knows } from '../oracle/causal-oracle.ts'
import { writeLabel } from './exact-conflicts.ts'
import { Violation } from './violation.ts'

/** To be called where every change has its record: a crash may lose a record, as `verify` says. */
export function checkReversal(
  where: string,
  reversal: Reversal,
  { oracle, known }: { oracle: CausalOracle; known: KnownClocks },
): void {
  const { write, keys, concurrent } = reversal
  if (write === undefined) return
  const own = writeLabel(write)
  for (const key of keys) {
    const listed = concurrent.filter(change => change.key === key).map(writeLabel)
    const reversing = oracle.writes(key).find(({ label }) => label === own)
    if (reversing === undefined) continue
    const expected = oracle
      .writes(key)
      .filter(candidate => {
        if (candidate === reversing || !knows(known, candidate)) return false
        return !knows(reversing.seen, candidate) && !knows(candidate.seen, reversing)
      })
      .map(({ label }) => label)
    const invented = listed.find(label => !expected.includes(label))
    const missed = expected.find(label => !listed.includes(label))
    if (invented === undefined && missed === undefined) continue
    const what = invented === undefined ? `does not list ${missed}` : `lists ${invented}`
    const message = `${where}, key "${key}": a ${reversal.kind} ${what} as concurrent`
    throw new Violation('kept writes', message)
  }
}
