/**
 * What the siblings of a key must be, by the definition: the writes that are known and that no
 * other known write had seen. Version vectors, and nothing of how the partition stores them.
 */
export interface OracleWrite {
  readonly key: string
  readonly replica: number
  /** The how manieth write of its replica it is, from 1. */
  readonly number: number
  /** For each replica, how many of its writes were known when this one was made. */
  readonly seen: readonly number[]
  /** How the test recognises it. */
  readonly label: string
}

export class CausalOracle {
  readonly #seen: number[][]
  /** For each replica, the maximal known writes of each key. */
  readonly #maximal: Map<string, OracleWrite[]>[]

  constructor(replicas: number) {
    this.#seen = Array.from({ length: replicas }, () => new Array<number>(replicas).fill(0))
    this.#maximal = Array.from({ length: replicas }, () => new Map())
  }

  write(replica: number, key: string, label: string): OracleWrite {
    const seen = [...this.#seenBy(replica)]
    const number = (seen[replica] as number) + 1
    const write = { key, replica, number, seen, label }
    this.#learn(replica, write)
    return write
  }

  /** Whether a replica knows everything that a write had seen, but not the write itself. */
  isNext(replica: number, write: OracleWrite): boolean {
    const known = this.#seenBy(replica)
    return (
      known[write.replica] === write.number - 1 &&
      write.seen.every((number, other) => number <= (known[other] as number))
    )
  }

  knows(replica: number, write: OracleWrite): boolean {
    return (this.#seenBy(replica)[write.replica] as number) >= write.number
  }

  deliver(replica: number, write: OracleWrite): void {
    if (this.isNext(replica, write)) this.#learn(replica, write)
  }

  pull(from: number, to: number): void {
    for (const writes of this.#maximalOf(from).values()) {
      for (const write of writes) this.#place(to, write)
    }
    const known = this.#seenBy(to)
    this.#seenBy(from).forEach((number, other) => {
      known[other] = Math.max(known[other] as number, number)
    })
  }

  labels(replica: number, key: string): string[] {
    const writes = this.#maximalOf(replica).get(key) ?? []
    return writes.map(({ label }) => label).sort()
  }

  #learn(replica: number, write: OracleWrite): void {
    this.#place(replica, write)
    this.#seenBy(replica)[write.replica] = write.number
  }

  #place(replica: number, write: OracleWrite): void {
    const maximal = this.#maximalOf(replica)
    const others = maximal.get(write.key) ?? []
    if (others.some(other => other === write || hadSeen(other, write))) return
    const left = others.filter(other => !hadSeen(write, other))
    maximal.set(write.key, [...left, write])
  }

  #seenBy(replica: number): number[] {
    return this.#seen[replica] as number[]
  }

  #maximalOf(replica: number): Map<string, OracleWrite[]> {
    return this.#maximal[replica] as Map<string, OracleWrite[]>
  }
}

function hadSeen(later: OracleWrite, earlier: OracleWrite): boolean {
  return (later.seen[earlier.replica] as number) >= earlier.number
}
