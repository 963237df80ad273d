/**
 * The simulator: how many operations it does with the full stack, five replicas and a relay that links
 * them. An operation is one act of one player, with all that the fleet then does for it and the checkers look
 * at: some write several times, or wait for others that do.
 *
 * The baseline says how fast the machine is: small updates that plain Yjs applies, with a listener.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { startWorker } from '../../../simulations/driver/pool.ts'
import type { Benchmark } from '../figure.ts'
import type { Round } from '../simulate/rounds.ts'

/** The same for all rounds: a worker is at it for minutes. */
let worker: ChildProcess | undefined

async function playRound(): Promise<Round> {
  worker ??= begin()
  worker.channel?.ref()
  worker.send('round')
  const [round] = await once(worker, 'message')
  // It ends with this process, which it does not keep from ending.
  worker.channel?.unref()
  return round
}

function begin(): ChildProcess {
  const begun = startWorker(new URL('../simulate/rounds.js', import.meta.url), 1)
  begun.unref()
  begun.on('exit', code => {
    throw new Error(`the worker ended with ${code}`)
  })
  return begun
}

export const benchmarks: readonly Benchmark[] = [
  {
    // Per second of one core: processor time counts, so that other work on the machine does not.
    figures: { 'calm-5-replicas': 'ops/s' },
    // A worker is at it for minutes, and what V8 compiles in the first half of one it does not compile again.
    warmups: 10,
    async run() {
      const { value, baseline } = await playRound()
      return { 'calm-5-replicas': { value, baseline } }
    },
  },
]
