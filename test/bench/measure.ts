/** Runs a benchmark and sums its samples up. */
import type { Benchmark, ComparedSample, Sample, Samples } from './figure.ts'

/** A figure as it is printed, one JSON line each. */
export interface Result {
  /** `group/figure`. */
  readonly name: string
  /** The median of the runs. */
  readonly value: number
  readonly unit: string
  readonly runs: number
  readonly min: number
  readonly max: number
  /** The median of the baseline's runs, where there is one, and `value` divided by it. */
  readonly baseline?: number
  readonly ratio?: number
  /** The median of each peer's runs, and `value` divided by it. */
  readonly peers?: { readonly [peer: string]: { readonly value: number; readonly ratio: number } }
}

const runsDefault = 5
const warmupsDefault = 1

/**
 * All figures of a benchmark.
 *
 * @throws what the benchmark throws, `Skip` included
 */
export async function measure(group: string, benchmark: Benchmark): Promise<Result[]> {
  const { figures, runs = runsDefault, warmups = warmupsDefault } = benchmark
  const counted: Samples[] = []
  for (let round = 0; round < warmups + runs; round++) {
    // What one run leaves behind is not to be collected on the next one's time.
    globalThis.gc?.()
    const samples = await benchmark.run()
    if (round >= warmups) counted.push(samples)
  }
  return Object.entries(figures).map(([figure, unit]) => {
    const name = `${group}/${figure}`
    return summarise(
      name,
      unit,
      counted.map(samples => sampleOf(samples, figure, name)),
    )
  })
}

function sampleOf(samples: Samples, figure: string, name: string): Sample {
  const sample = samples[figure]
  if (sample === undefined) throw new Error(`a run gave no sample of ${name}`)
  return sample
}

function summarise(name: string, unit: string, samples: readonly Sample[]): Result {
  const values = samples.map(sample => (typeof sample === 'number' ? sample : sample.value))
  const compared = samples.filter(sample => typeof sample !== 'number')
  const baselines = compared.flatMap(({ baseline }) => baseline ?? [])
  const value = median(values)
  const result = {
    name,
    value: rounded(value),
    unit,
    runs: values.length,
    min: rounded(Math.min(...values)),
    max: rounded(Math.max(...values)),
  }
  return { ...result, ...baselineOf(value, baselines), ...peersOf(value, compared) }
}

function baselineOf(value: number, baselines: readonly number[]): Partial<Result> {
  if (baselines.length === 0) return {}
  const baseline = median(baselines)
  return { baseline: rounded(baseline), ratio: rounded(value / baseline) }
}

function peersOf(value: number, samples: readonly ComparedSample[]): Partial<Result> {
  const names = new Set(samples.flatMap(({ peers = {} }) => Object.keys(peers)))
  if (names.size === 0) return {}
  const entries = [...names].map(name => {
    const theirs = median(samples.flatMap(({ peers }) => peers?.[name] ?? []))
    return [name, { value: rounded(theirs), ratio: rounded(value / theirs) }] as const
  })
  return { peers: Object.fromEntries(entries) }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** Four digits say more than any measurement knows; whole numbers, such as counts, stay exact. */
function rounded(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(4))
}
