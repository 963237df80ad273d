/** `--trace`: the story of one seed, line by line. */
import { simulate } from '../run/simulate.ts'
import { runOptions } from './job.ts'
import type { DriverOptions } from './options.ts'

/** Prints it; answers the exit code. */
export async function tellStory(options: DriverOptions): Promise<number> {
  const { seed, ops: operations, replicas, topology, canary, profiles } = options
  const [profile = 'swarm'] = profiles.length === 1 ? profiles : []
  const job = { profile, operations, replicas, topology, canary, checkDeterminism: false }
  const result = await simulate({ ...runOptions(job, seed), told: true })
  console.log(result.story.join('\n'))
  const { failure = 'all is well', traceHash, events } = result
  console.log(`${failure}\n${events} events, trace ${traceHash}`)
  return result.failure === undefined ? 0 : 1
}
