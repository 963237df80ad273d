/** The worked example of the simulator runs as it is told. */
import { describe, expect, it } from 'vitest'
import {
  hastyWorker,
  noTaskIsLost,
  oneTakerEach,
  poster,
  worker,
} from '../../simulations/examples/task-board.ts'
import { type Agent, type Invariant, SimulationFailure, simulate } from '../../simulations/index.ts'
import { definePartition, globalScope } from '../../src/index.ts'

const Words = definePartition<string, 'last-write-wins'>({
  name: 'words',
  policy: 'last-write-wins',
})
const invariants = [noTaskIsLost, oneTakerEach]

async function failureOf(options: Parameters<typeof simulate>[0]): Promise<SimulationFailure> {
  const failure = await simulate(options).catch(thrown => thrown)
  expect(failure).toBeInstanceOf(SimulationFailure)
  return failure
}

describe('agents of a user', () => {
  it('share a board under every kind of fault', async () => {
    const agents = [poster, worker, worker]
    const { seeds, marks } = await simulate({ agents, invariants, seeds: 5 })
    expect(seeds).toBe(5)
    expect(marks.get('a task was taken twice')).toBeGreaterThan(0)
  })

  it('that are careless are found, made small, and replayed', async () => {
    const agents = [poster, hastyWorker, hastyWorker, hastyWorker] // about one seed in twelve
    const found = await failureOf({ agents, invariants, profile: 'partitioned', shrinkRunsMax: 4 })
    expect(found.message).toContain('invariant oneTakerEach')
    expect(found.story.length).toBeGreaterThan(5)
    const again = await failureOf({ agents, invariants, replay: found.replay })
    expect(again.message).toBe(found.message)
    expect(again.story).toEqual(found.story)
  })

  it('that throw are a failure, and those that meet a fault are started again', async () => {
    const broken: Agent = async () => {
      throw new Error('not my day')
    }
    const found = await failureOf({ agents: [broken], shrinkRunsMax: 0, profile: 'calm' })
    expect(found.message).toContain('agent broken: at r1: Error: not my day')

    const hurried: Agent = async ({ replica, name }) => {
      const words = await replica.open(globalScope, Words)
      if (!words.has(name)) words.set(name, 'hello')
      await replica.flush({ timeoutMilliseconds: 1 })
    }
    const { marks } = await simulate({ agents: [hurried], seeds: 3, profile: 'crashing' })
    expect(marks.get('an agent was started again')).toBeGreaterThan(0)
  })

  it('that do not return in time are a failure', async () => {
    const tireless: Agent = async ({ sleep }) => {
      for (;;) await sleep(1000)
    }
    const found = await failureOf({ agents: [tireless], shrinkRunsMax: 0, profile: 'calm' })
    expect(found.message).toContain('liveness')
  })

  it('are asked about invariants while faults strike', async () => {
    let during = 0
    const counting: Invariant = (_, { settled }) => {
      during += settled ? 0 : 1
    }
    const idle: Agent = async () => undefined
    await simulate({ agents: [idle, idle], invariants: [counting], seeds: 1 })
    expect(during).toBeGreaterThan(10)
  })
})
