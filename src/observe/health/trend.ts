/**
 * Whether a row of readings grows, and how fast, by methods that outliers and saws do not sway: the
 * slope is Theil and Sen's (the median of the slopes of all pairs; Sen 1968), and whether there is
 * one at all is Mann and Kendall's test (Kendall 1975).
 */

export interface Reading {
  readonly at: number
  readonly value: number
}

export interface Trend {
  /** The median slope, in values per unit of `at`. */
  readonly slope: number
  /** In standard deviations from what readings without a trend would show; above 0 they grow. */
  readonly score: number
}

/** The trend of some readings, oldest first; about n^2 / 2 steps. */
export function trendOf(readings: readonly Reading[]): Trend {
  const slopes: number[] = []
  let rises = 0
  for (const [index, { at, value }] of readings.entries()) {
    for (let later = index + 1; later < readings.length; later++) {
      const other = readings[later] as Reading
      if (other.at === at) continue
      slopes.push((other.value - value) / (other.at - at))
      rises += Math.sign(other.value - value)
    }
  }
  if (slopes.length === 0) return { slope: 0, score: 0 }
  const n = readings.length
  const deviation = Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18)
  // Continuity: the sum moves in steps of two.
  const score = rises === 0 ? 0 : (rises - Math.sign(rises)) / deviation
  return { slope: medianOf(slopes), score }
}

function medianOf(values: number[]): number {
  values.sort((a, b) => a - b)
  const middle = values.length >> 1
  const upper = values[middle] as number
  return values.length % 2 === 1 ? upper : ((values[middle - 1] as number) + upper) / 2
}
