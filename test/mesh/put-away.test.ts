/** A document that a peer puts away and takes up again, on one link. */
import { expect, it } from 'vitest'
import { MeshWorld } from '../../simulations/mesh/mesh-world.ts'
import { definePartition } from '../../src/model/partition-definition.ts'
import { room } from '../../src/model/scope.ts'
import type { Replica } from '../../src/replica.ts'
import { testSeed } from '../support/seed.ts'

const Plans = definePartition<number>({ name: 'plans', policy: 'last-write-wins' })

it('is exchanged whenever both have it, however often', async () => {
  const mesh = new MeshWorld(testSeed())
  await mesh.open(2, { idleMilliseconds: 10 })
  const [stays, goes] = mesh.nodes.map(({ replica }) => replica) as [Replica, Replica]
  const here = await mesh.world.settle(stays.open(room('r1'), Plans))
  for (let visit = 1; visit <= 4; visit++) {
    const there = await mesh.world.settle(goes.open(room('r1'), Plans))
    await mesh.pass(1_000)
    here.set('here', visit)
    await mesh.pass(1_000)
    expect(there.get('here')).toBe(visit)
    there.set('there', visit)
    await mesh.world.settle(goes.flush({ level: 'replicated', timeoutMilliseconds: 5_000 }))
    expect(here.get('there')).toBe(visit)
    there.close()
    await mesh.pass(1_000)
  }
  await mesh.close()
})
