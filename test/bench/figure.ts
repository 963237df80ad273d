/**
 * What a benchmark is made of. A group is a file in `groups` that exports its benchmarks as
 * `benchmarks`; one run of a benchmark gives a sample of each of its figures.
 */

/**
 * One figure's part of a run; `baseline` is what a plainer way gave in the same run, and `peers`
 * what others' packages did.
 */
export type Sample = number | ComparedSample

export interface ComparedSample {
  readonly value: number
  readonly baseline?: number
  readonly peers?: { readonly [peer: string]: number }
}

export interface Benchmark {
  /** The unit of each figure, by the figure's name. */
  readonly figures: { readonly [figure: string]: string }
  /** Counted runs; the median is what is reported. Default 5. */
  readonly runs?: number
  /** Runs before them that do not count, for the compiler to settle. Default 1. */
  readonly warmups?: number
  /** The largest value that a figure may have; beyond it the run fails. */
  readonly limits?: { readonly [figure: string]: number }
  /** One run: a sample for every figure, or a thrown `Skip`. */
  run(): Samples | Promise<Samples>
}

export interface Samples {
  readonly [figure: string]: Sample
}

/** Thrown by a benchmark that cannot run here, such as one whose data is absent. */
export class Skip extends Error {
  override readonly name = 'Skip'
}

/**
 * A figure of how often a second `work` can be done; one run does it `times` times. `work` returns
 * a number that depends on what it did, so that the compiler cannot leave it out.
 */
export function rate(
  figure: string,
  unit: string,
  times: number,
  work: (index: number) => number,
): Benchmark {
  return {
    figures: { [figure]: unit },
    run() {
      let sum = 0
      const start = performance.now()
      for (let index = 0; index < times; index++) sum += work(index)
      const seconds = (performance.now() - start) / 1000
      if (Number.isNaN(sum)) throw new Error(`the work of ${figure} returned no number`)
      return { [figure]: times / seconds }
    },
  }
}

/** A figure of how many milliseconds `work` takes. */
export function duration(figure: string, work: () => unknown): Benchmark {
  return {
    figures: { [figure]: 'ms' },
    async run() {
      const start = performance.now()
      await work()
      return { [figure]: performance.now() - start }
    },
  }
}
