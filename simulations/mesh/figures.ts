/** What a mesh costs and how fast it is, measured in a world by seed; the time is the world's. */
import type { ReplicaOptions } from '../../src/replica-options.ts'
import { latencyMilliseconds, MeshWorld } from './mesh-world.ts'

/** Long enough for the mesh to find its shape. */
const settleMilliseconds = 120_000

export interface SpreadFigures {
  /** Latencies until the last replica had an update, the worst of all updates. */
  readonly latencies: number
  /** How often a replica was sent an update, on average. */
  readonly receipts: number
  /** The average number of links of a replica. */
  readonly degree: number
  /** Bytes that a link carries in a second when nothing happens. */
  readonly idleBytesPerSecond: number
}

/** One update after another, each from a replica drawn at random. */
export async function measureSpread(
  seed: number,
  replicas: number,
  updates: number,
  options: Partial<ReplicaOptions> = {},
): Promise<SpreadFigures> {
  const mesh = new MeshWorld(seed)
  await mesh.open(replicas, options)
  await mesh.pass(settleMilliseconds)
  mesh.meter.reset()
  const idleMilliseconds = 60_000
  await mesh.pass(idleMilliseconds)
  const idleBytesPerSecond = mesh.meter.bytes / mesh.links / (idleMilliseconds / 1_000)
  mesh.meter.reset()
  let slowest = 0
  for (let update = 0; update < updates; update++) {
    const key = `update ${update}`
    mesh.anyNode().notes.set(key, 'x')
    const all = () => mesh.nodes.every(({ notes }) => notes.has(key))
    slowest = Math.max(slowest, await mesh.until(`${key} is everywhere`, all))
    await mesh.pass(1_000)
  }
  const receipts = mesh.meter.updates / updates / (replicas - 1)
  const degree = (2 * mesh.links) / replicas
  await mesh.close()
  return { latencies: slowest / latencyMilliseconds, receipts, degree, idleBytesPerSecond }
}

export interface PartitionFigures {
  /** From the end of the partition until the halves were linked again. */
  readonly relinkMilliseconds: number
  /** Round trips from the first link between the halves until all held the same. */
  readonly roundTrips: number
  /** Bytes sent since the end of the partition, by the bytes that the replicas lacked. */
  readonly overhead: number
}

/** Long enough for both halves to know that the others are gone. */
const partedMilliseconds = 60_000

/**
 * Two halves that are cut off from one another, and write.
 *
 * @param writingMilliseconds in so long they write all, up to the end of the partition
 */
export async function measurePartition(
  seed: number,
  replicas: number,
  writes: number,
  writingMilliseconds: number = partedMilliseconds,
): Promise<PartitionFigures> {
  const mesh = new MeshWorld(seed)
  await mesh.open(replicas)
  await mesh.pass(settleMilliseconds)
  const halves = [mesh.nodes.slice(0, replicas / 2), mesh.nodes.slice(replicas / 2)] as const
  mesh.separate(...halves, true)
  await mesh.pass(partedMilliseconds - writingMilliseconds)
  for (let write = 0; write < writes; write++) {
    for (const half of halves) {
      const node = mesh.anyNode(half)
      node.notes.set(`${node.name} ${write}`, 'a value of some length')
    }
    await mesh.pass(writingMilliseconds / writes)
  }
  const lackedBytes = mesh.lackedBytes()
  mesh.separate(...halves, false)
  mesh.meter.reset()
  const keys = writes * 2
  const [left, right] = halves
  const isLinked = () =>
    left.some(({ notes }) => notes.size > writes) || right.some(({ notes }) => notes.size > writes)
  const relinkMilliseconds = await mesh.until('the halves meet', isLinked)
  const isWhole = () => mesh.nodes.every(({ notes }) => notes.size === keys)
  const milliseconds = await mesh.until('all hold the same', isWhole)
  const overhead = mesh.meter.bytes / lackedBytes
  await mesh.close()
  return { relinkMilliseconds, roundTrips: milliseconds / (2 * latencyMilliseconds), overhead }
}
