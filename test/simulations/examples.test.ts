/** The worked example of the simulator runs as it is told. */
import { expect, it } from 'vitest'
import { taskBoard } from '../../simulations/examples/task-board.ts'
import { simulate } from '../../simulations/index.ts'

it('lets agents of a user share a board under every kind of fault', async () => {
  let conflicts = 0
  for (let seed = 1; seed <= 6; seed++) {
    const run = { seed, profile: 'swarm', operations: 100, workloads: [taskBoard] } as const
    const { failure, marks } = await simulate(run)
    expect(failure).toBeUndefined()
    conflicts += marks['a task was taken twice'] ?? 0
  }
  expect(conflicts).toBeGreaterThan(0)
})
