/** How long something takes: counts by upper bounds from a microsecond to a minute, in steps 1-2-5. */

/** Upper bounds in milliseconds. */
export const latencyBounds: readonly number[] = [-3, -2, -1, 0, 1, 2, 3, 4].flatMap(power =>
  [1, 2, 5].map(step => Number((step * 10 ** power).toPrecision(1))),
)

export interface LatencySummary {
  readonly count: number
  /** In milliseconds, as all that follows. */
  readonly sum: number
  readonly mean: number
  readonly max: number
  /** Upper bounds: at most a factor of 2.5 too large. */
  readonly p50: number
  readonly p95: number
  readonly p99: number
  /** How many took at most so long; those beyond the last bound are in `count` alone. */
  readonly buckets: readonly { readonly atMost: number; readonly count: number }[]
}

export class LatencyHistogram {
  readonly #counts = new Float64Array(latencyBounds.length + 1)
  #count = 0
  #sum = 0
  #max = 0

  add(milliseconds: number): void {
    let bucket = 0
    while (milliseconds > (latencyBounds[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#count += 1
    this.#sum += milliseconds
    if (milliseconds > this.#max) this.#max = milliseconds
  }

  summary(): LatencySummary {
    let below = 0
    const buckets = latencyBounds.map((atMost, index) => {
      below += this.#counts[index] as number
      return { atMost, count: below }
    })
    const quantile = (part: number) =>
      Math.min(
        this.#max,
        buckets.find(({ count }) => count >= part * this.#count)?.atMost ?? this.#max,
      )
    return {
      count: this.#count,
      sum: this.#sum,
      mean: this.#count === 0 ? 0 : this.#sum / this.#count,
      max: this.#max,
      p50: quantile(0.5),
      p95: quantile(0.95),
      p99: quantile(0.99),
      buckets,
    }
  }
}
