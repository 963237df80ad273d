/** `npm run simulate`: runs seeds on all cores, or a fleet of processes, and says what was found. */
import { availableParallelism } from 'node:os'
import { toStatemeshError } from '../src/base/error.ts'
import { parseOptions } from './driver/options.ts'
import { runFleets } from './driver/run-fleets.ts'
import { runSeeds } from './driver/run-seeds.ts'
import { tellStory } from './driver/story.ts'

/** What the arguments are to blame for. */
const misuseCode = 2

const interruptedCode = 130

async function main(): Promise<number> {
  const interruption = new AbortController()
  try {
    const options = parseOptions(process.argv.slice(2), availableParallelism())
    if (options === undefined) return 0
    if (options.fleet) interruptOnSignal(interruption)
    if (options.trace) return await tellStory(options)
    if (options.fleet) return await runFleets(options, interruption.signal)
    return await runSeeds(options)
  } catch (thrown) {
    if (interruption.signal.aborted) return interruptedCode
    const error = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
    if (error.code !== 'OPTION_INVALID') throw thrown
    console.error(`${error.code}: ${error.message}`)
    return misuseCode
  }
}

/** Processes are ended before this one ends. */
function interruptOnSignal(interruption: AbortController): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)))
  }
}

process.exitCode = await main()
