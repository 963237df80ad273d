/** `npm run simulate`: runs seeds on all cores, or a fleet of processes, and says what was found. */
import { availableParallelism } from 'node:os'
import { toStatemeshError } from '../src/base/error.ts'
import { parseOptions } from './driver/options.ts'
import { runSeeds } from './driver/run-seeds.ts'
import { tellStory } from './driver/story.ts'

/** What the arguments are to blame for. */
const misuseCode = 2

async function main(): Promise<number> {
  try {
    const options = parseOptions(process.argv.slice(2), availableParallelism())
    if (options === undefined) return 0
    if (options.trace) return await tellStory(options)
    return await runSeeds(options)
  } catch (thrown) {
    const error = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
    if (error.code !== 'OPTION_INVALID') throw thrown
    console.error(`${error.code}: ${error.message}`)
    return misuseCode
  }
}

process.exitCode = await main()
