/** Writes to a partition of registers that the causal oracle is told of as they are made. */
import type * as Y from 'yjs'
import type { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { writeLabel } from '../checkers/exact-conflicts.ts'
import { Violation } from '../checkers/violation.ts'
import type { CausalOracle } from './causal-oracle.ts'
import { copyClocks, liveClocks } from './document-clocks.ts'

/** A partition at one replica, the document under it, and the oracle of all replicas. */
export interface RecordedRegisters {
  /** The name of the replica. */
  readonly where: string
  readonly partition: Pick<RegisterPartition, 'siblings'>
  readonly doc: Y.Doc
  readonly oracle: CausalOracle
}

/**
 * Does what `write` does, which must be one transaction, and adds it to the oracle.
 *
 * @param write answers the keys that it wrote or deleted
 * @throws Violation where a write does not stand alone right after it was made
 */
export function recordWrites(
  { where, partition, doc, oracle }: RecordedRegisters,
  write: () => readonly string[],
): void {
  const seen = copyClocks(doc)
  const written = write()
  const writer = doc.clientID
  const end = liveClocks(doc).get(writer) ?? 0
  for (const key of written) {
    const siblings = partition.siblings(key)
    const [own] = siblings
    if (own === undefined || siblings.length > 1 || own.writer !== writer) {
      const message = `${where}, key "${key}": a write leaves ${siblings.length} siblings`
      throw new Violation('exact conflicts', message)
    }
    oracle.add({ key, writer, end, seen, label: writeLabel(own) })
  }
}
