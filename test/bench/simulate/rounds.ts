/** The process of the benchmark of the simulator: an entry point of its own, which plays a round when told. */
import * as Y from 'yjs'
import type { Plan } from '../../../simulations/run/plan.ts'
import { simulate } from '../../../simulations/run/simulate.ts'

const seeds = 30
const operations = 300
const replicas = 5

const updates = 20_000
const keys = 500

/** What one core does in a second of its time. */
export interface Round {
  /** Operations of simulated fleets. */
  readonly value: number
  /** Updates that Yjs applies. */
  readonly baseline: number
}

/** How often a second of processor time something is done that `work` does so many times. */
async function rateOf(work: () => Promise<number> | number): Promise<number> {
  const start = process.cpuUsage()
  const done = await work()
  const { user, system } = process.cpuUsage(start)
  return done / ((user + system) / 1e6)
}

async function runSeeds(): Promise<number> {
  let done = 0
  for (let seed = 1; seed <= seeds; seed++) {
    const adjust = (plan: Plan): Plan => ({ ...plan, topology: 'relay' })
    const result = await simulate({ seed, profile: 'calm', operations, replicas, adjust })
    if (result.failure !== undefined) throw new Error(`seed ${seed}: ${result.failure}`)
    done += result.operations
  }
  return done
}

/** Small updates, as a writer of a few hundred keys sends them. */
function smallUpdates(): Uint8Array[] {
  const made: Uint8Array[] = []
  const doc = new Y.Doc()
  doc.on('update', update => made.push(update))
  const map = doc.getMap('map')
  for (let index = 0; index < updates; index++) {
    map.set(`key ${index % keys}`, { value: index, time: '123456', actor: 'x' })
  }
  return made
}

const small = smallUpdates()

function applySmallUpdates(): number {
  const doc = new Y.Doc()
  let bytes = 0
  doc.on('update', update => {
    bytes += update.length
  })
  for (const update of small) Y.applyUpdate(doc, update)
  if (bytes === 0) throw new Error('nothing was applied')
  return small.length
}

async function playRound(): Promise<Round> {
  return { value: await rateOf(runSeeds), baseline: await rateOf(applySmallUpdates) }
}

process.on('message', () => {
  playRound().then(
    round => process.send?.(round),
    thrown => {
      process.nextTick(() => {
        throw thrown
      })
    },
  )
})
