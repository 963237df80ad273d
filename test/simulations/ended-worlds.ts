/**
 * Plays worlds to their end, and prints of how many something is still held when what is young has been
 * collected. To be run with `--expose-gc`, and so much room that nothing is moved during a run.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { simulate } from '../../simulations/run/simulate.ts'

const warmups = 30
const worlds = 40
const ballastBytes = 8_000_000

async function play(seed: number): Promise<void> {
  const { failure } = await simulate({
    ...{ seed, profile: 'calm', operations: 20, replicas: 3, topology: 'relay' },
    // Everything in a world leads to its network.
    prepare: ({ network }) => Object.assign(network, { ballast: ballast() }),
  })
  if (failure !== undefined) throw new Error(failure)
  await sleep(5) // nothing of it is on the stack any more
}

/** In pieces that are made where everything young is. */
function ballast(): number[][] {
  return Array.from({ length: 100 }, () => new Array(ballastBytes / 800).fill(0.5))
}

function heldBytes(): number {
  globalThis.gc?.({ type: 'minor' })
  return process.memoryUsage().heapUsed
}

for (let seed = 1; seed <= warmups; seed++) await play(seed)
let held = 0
for (let seed = 1; seed <= worlds; seed++) {
  const before = heldBytes()
  await play(seed)
  if (heldBytes() - before > ballastBytes / 2) held += 1
}
process.stdout.write(JSON.stringify({ held, worlds }))
