/**
 * What each replica of a test knows, kept by hand: version vectors, and nothing of how a partition
 * stores its entries. What follows from it for the siblings of a key, the oracle says.
 */
import {
  type CausalWrite,
  knows,
  CausalOracle as Oracle,
} from '../../simulations/oracle/causal-oracle.ts'

/** The writer of a write is the number of its replica; its end says the how manieth it is. */
export type OracleWrite = CausalWrite

export class CausalOracle {
  readonly #oracle = new Oracle()
  /** For each replica, how many writes of each it knows. */
  readonly #known: Map<number, number>[]

  constructor(replicas: number) {
    this.#known = Array.from({ length: replicas }, () => new Map())
  }

  write(replica: number, key: string, label: string): OracleWrite {
    const known = this.#knownBy(replica)
    const end = (known.get(replica) ?? 0) + 1
    const write = { key, writer: replica, end, seen: new Map(known), label }
    this.#oracle.add(write)
    known.set(replica, end)
    return write
  }

  /** Whether a replica knows everything that a write had seen, but not the write itself. */
  isNext(replica: number, { writer, end, seen }: OracleWrite): boolean {
    const known = this.#knownBy(replica)
    return (
      (known.get(writer) ?? 0) === end - 1 &&
      this.#known.every((_, other) => (seen.get(other) ?? 0) <= (known.get(other) ?? 0))
    )
  }

  knows(replica: number, write: OracleWrite): boolean {
    return knows(this.#knownBy(replica), write)
  }

  deliver(replica: number, write: OracleWrite): void {
    if (this.isNext(replica, write)) this.#knownBy(replica).set(write.writer, write.end)
  }

  pull(from: number, to: number): void {
    const known = this.#knownBy(to)
    for (const [writer, end] of this.#knownBy(from)) {
      known.set(writer, Math.max(end, known.get(writer) ?? 0))
    }
  }

  labels(replica: number, key: string): string[] {
    return this.#oracle.labels(key, this.#knownBy(replica))
  }

  #knownBy(replica: number): Map<number, number> {
    return this.#known[replica] as Map<number, number>
  }
}
