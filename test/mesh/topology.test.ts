/** The shape of a mesh, in a simulated world: few links each, all connected, and whole again. */
import { describe, expect, it } from 'vitest'
import { measurePartition, measureSpread } from '../../simulations/mesh/figures.ts'
import { linkedOf, MeshWorld } from '../../simulations/mesh/mesh-world.ts'
import { testSeed } from '../support/seed.ts'

const replicas = 16

describe('replicas that know one address', () => {
  it('find one another, with few links each and all connected', async () => {
    const mesh = new MeshWorld(testSeed())
    await mesh.open(replicas)
    await mesh.pass(60_000)
    const degrees = mesh.nodes.map(({ replica }) => linkedOf(replica))
    expect(Math.min(...degrees)).toBeGreaterThanOrEqual(2)
    expect(Math.max(...degrees)).toBeLessThanOrEqual(6)
    for (const { name, notes } of mesh.nodes) notes.set(name, 'is here')
    await mesh.until('all are known to all', () =>
      mesh.nodes.every(({ notes }) => notes.size === replicas),
    )
    await mesh.close()
  })

  it('go on when the first one has gone for good', async () => {
    const mesh = new MeshWorld(testSeed())
    await mesh.open(replicas)
    await mesh.pass(30_000)
    const [first, ...others] = mesh.nodes
    await mesh.world.settle(first?.replica.close() ?? Promise.resolve())
    await mesh.pass(60_000)
    others[0]?.notes.set('k', 'v')
    await mesh.until('it is everywhere', () => others.every(({ notes }) => notes.get('k') === 'v'))
    await mesh.close()
  })
})

describe('an update in a mesh', () => {
  it('reaches everybody in few hops, and few times', async () => {
    const figures = await measureSpread(testSeed(), replicas, 5)
    expect(figures.latencies).toBeLessThan(6)
    expect(figures.receipts).toBeLessThan(4)
    expect(figures.idleBytesPerSecond).toBeLessThan(100)
  })
})

describe('a mesh that was cut in two', () => {
  it.each([
    ['long before', 60_000],
    ['up to the end', 200],
  ])(
    'is one again, and each is sent little of what it has, when it wrote %s',
    async (_, writing) => {
      const seed = testSeed()
      const runs: Awaited<ReturnType<typeof measurePartition>>[] = []
      for (let run = 0; run < 3; run++) {
        runs.push(await measurePartition(seed + run, replicas, 200, writing))
      }
      // In one of some 60 worlds a replica has lost all its links, and is late.
      const median = (figures: number[]) => figures.sort((a, b) => a - b)[1]
      expect(median(runs.map(({ overhead }) => overhead))).toBeLessThan(1.6)
      expect(median(runs.map(({ roundTrips }) => roundTrips))).toBeLessThan(6)
    },
    60_000,
  )
})

describe('replicas that have lost all their links', () => {
  it('are one mesh again within seconds, without many dials', { timeout: 30_000 }, async () => {
    const mesh = new MeshWorld(testSeed())
    await mesh.open(replicas)
    await mesh.pass(60_000)
    mesh.nodes.forEach((node, index) => {
      mesh.separate([node], mesh.nodes.slice(index + 1), true)
    })
    await mesh.pass(120_000)
    expect(mesh.nodes.map(({ replica }) => linkedOf(replica))).toEqual(Array(replicas).fill(0))
    mesh.separate(mesh.nodes, mesh.nodes, false)
    mesh.dials = 0
    mesh.nodes[0]?.notes.set('k', 'v')
    const all = () => mesh.nodes.every(({ notes }) => notes.has('k'))
    expect(await mesh.until('all have it', all)).toBeLessThan(3_000)
    await mesh.pass(10_000)
    expect(mesh.dials / replicas).toBeLessThan(10)
    await mesh.close()
  })
})
