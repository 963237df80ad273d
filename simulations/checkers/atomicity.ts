/** Transactions are atomic: keys that are only ever written together stand together everywhere. */
import { type SiblingReader, writeLabel } from './exact-conflicts.ts'
import { Violation } from './violation.ts'

export function checkAtomicity(
  where: string,
  partition: SiblingReader,
  keys: readonly string[],
): void {
  const [first, ...others] = keys.map(key =>
    partition.siblings(key).map(writeLabel).sort().join(' '),
  )
  for (const other of others) {
    if (other === first) continue
    const message = `${where}: of keys written together one has [${first}], another [${other}]`
    throw new Violation('atomic transactions', message)
  }
}
