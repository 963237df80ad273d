/**
 * Peer to peer: what a mesh of 50 replicas costs in a simulated world (exact, by seed), and how fast
 * two replicas of one process are.
 */
import { measurePartition, measureSpread } from '../../../simulations/mesh/figures.ts'
import {
  createMemoryNetwork,
  createMemoryStorage,
  definePartition,
  openReplica,
  room,
} from '../../../src/index.ts'
import type { Benchmark } from '../figure.ts'

const Notes = definePartition<number>({ name: 'notes', policy: 'last-write-wins' })

const replicas = 50
const writes = 50_000
let seed = 0

const spread: Benchmark = {
  figures: {
    'latencies until all of 50 have an update': 'latencies',
    'receipts of an update by each of 50': 'receipts',
    'links of each of 50': 'links',
    'idle traffic of a link': 'B/s',
  },
  runs: 3,
  warmups: 0,
  async run() {
    seed += 1
    const figures = await measureSpread(seed, replicas, 20)
    return {
      'latencies until all of 50 have an update': figures.latencies,
      'receipts of an update by each of 50': figures.receipts,
      'links of each of 50': figures.degree,
      'idle traffic of a link': figures.idleBytesPerSecond,
    }
  },
}

const partition: Benchmark = {
  figures: {
    'round trips until 25 and 25 hold the same': 'round trips',
    'bytes sent for each that was lacked': 'bytes',
  },
  runs: 3,
  warmups: 0,
  async run() {
    seed += 1
    const figures = await measurePartition(seed, replicas, 1_000)
    return {
      'round trips until 25 and 25 hold the same': figures.roundTrips,
      'bytes sent for each that was lacked': figures.overhead,
    }
  },
}

/** Both ends of the exchange are paid for by one process. */
const pair: Benchmark = {
  figures: {
    'updates between two replicas of a process': 'updates/s',
    'updates between them, one a turn': 'updates/s',
  },
  runs: 3,
  async run() {
    return {
      'updates between two replicas of a process': await exchanged(writes),
      'updates between them, one a turn': await exchanged(1),
    }
  },
}

/** How many updates per second get to the disk of the other replica. */
async function exchanged(writesPerTurn: number): Promise<number> {
  const network = createMemoryNetwork()
  const storage = createMemoryStorage
  const listen = network.acceptor('memory:a')
  const a = await openReplica({ actor: 'a', storage: storage(), listen, transport: network })
  const peers = ['memory:a']
  const b = await openReplica({ actor: 'b', storage: storage(), peers, transport: network })
  const [ofA] = [await a.open(room('r1'), Notes), await b.open(room('r1'), Notes)]
  await b.synced()
  const start = performance.now()
  for (let write = 0; write < writes; write++) {
    ofA.set(`k${write % 100}`, write)
    if (write % writesPerTurn === 0) await new Promise(resolve => setImmediate(resolve))
  }
  await a.flush({ level: 'replicated', n: 2 })
  const seconds = (performance.now() - start) / 1_000
  await Promise.all([a.close(), b.close()])
  return writes / seconds
}

export const benchmarks: readonly Benchmark[] = [pair, spread, partition]
