/** The process of one group, or of a figure of it: measures its benchmarks in turn and prints their figures. */
import { type Benchmark, Skip } from './figure.ts'
import { loadBenchmarks } from './group.ts'
import { measure } from './measure.ts'

async function run(word: string): Promise<boolean> {
  let succeeded = true
  const { group, benchmarks } = await loadBenchmarks(word)
  for (const benchmark of benchmarks) {
    if (!(await report(group, benchmark))) succeeded = false
  }
  return succeeded
}

/** Prints a benchmark's figures; false if it failed. */
async function report(group: string, benchmark: Benchmark): Promise<boolean> {
  const names = Object.keys(benchmark.figures).map(figure => `${group}/${figure}`)
  try {
    const results = await measure(group, benchmark)
    for (const result of results) process.stdout.write(`${JSON.stringify(result)}\n`)
    const beyond = results.filter(({ name, max }) => max > limitOf(benchmark, group, name))
    for (const { name, max } of beyond) process.stderr.write(`failed ${name}: ${max}\n`)
    return beyond.length === 0
  } catch (error) {
    const skipped = error instanceof Skip
    const why = skipped || !(error instanceof Error) ? String(error) : error.stack
    process.stderr.write(`${skipped ? 'skipped' : 'failed'} ${names.join(', ')}: ${why}\n`)
    return skipped
  }
}

function limitOf({ limits }: Benchmark, group: string, name: string): number {
  return limits?.[name.slice(group.length + 1)] ?? Number.POSITIVE_INFINITY
}

process.exitCode = (await run(process.argv[2] as string)) ? 0 : 1
