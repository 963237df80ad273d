/** The process of one group: measures its benchmarks in turn and prints their figures. */
import { type Benchmark, Skip } from './figure.ts'
import { loadGroup } from './group.ts'
import { measure } from './measure.ts'

async function runGroup(group: string): Promise<boolean> {
  let succeeded = true
  for (const benchmark of await loadGroup(group)) {
    if (!(await report(group, benchmark))) succeeded = false
  }
  return succeeded
}

/** Prints a benchmark's figures; false if it failed. */
async function report(group: string, benchmark: Benchmark): Promise<boolean> {
  const names = Object.keys(benchmark.figures).map(figure => `${group}/${figure}`)
  try {
    for (const result of await measure(group, benchmark)) {
      process.stdout.write(`${JSON.stringify(result)}\n`)
    }
    return true
  } catch (error) {
    const skipped = error instanceof Skip
    const why = skipped || !(error instanceof Error) ? String(error) : error.stack
    process.stderr.write(`${skipped ? 'skipped' : 'failed'} ${names.join(', ')}: ${why}\n`)
    return skipped
  }
}

process.exitCode = (await runGroup(process.argv[2] as string)) ? 0 : 1
