/** LevelDB under the storage port: appends that are durable when they count. */
import { setTimeout as sleep } from 'node:timers/promises'
import * as Y from 'yjs'
import { openLevelStorage, type Storage } from '../../../src/index.ts'
import { inDirectory } from '../directory.ts'
import type { Benchmark } from '../figure.ts'

const appends = 40_000
const inFlight = 1_000
const pacedAppends = 2_000

async function withStorage<Result>(work: (storage: Storage) => Promise<Result>): Promise<Result> {
  return inDirectory(async location => {
    const storage = await openLevelStorage({ location })
    try {
      return await work(storage)
    } finally {
      await storage.close()
    }
  })
}

/** An update of about 70 bytes. */
function smallUpdate(): Uint8Array {
  const doc = new Y.Doc()
  doc.getMap('entries').set('key', 'a value of forty-odd bytes, like those of agents')
  return Y.encodeStateAsUpdate(doc)
}

const update = smallUpdate()

/** Durable appends a second, over some documents in turn, with 1,000 under way at a time. */
function throughput(figure: string, documents: number): Benchmark {
  return {
    figures: { [figure]: 'updates/s' },
    run: () =>
      withStorage(async storage => {
        let next = 0
        const writer = async () => {
          while (next < appends) {
            const document = `room:r${next % documents}/users`
            next += 1
            await storage.append(document, update)
          }
        }
        const start = performance.now()
        await Promise.all(Array.from({ length: inFlight }, writer))
        return { [figure]: appends / ((performance.now() - start) / 1000) }
      }),
  }
}

export const benchmarks: readonly Benchmark[] = [
  throughput('append-1-doc', 1),
  throughput('append-100-docs', 100),
  {
    // One append about every millisecond: the time until each is durable.
    figures: { 'append-p50': 'ms', 'append-p99': 'ms' },
    run: () =>
      withStorage(async storage => {
        const latencies: number[] = []
        const pending: Promise<void>[] = []
        for (let index = 0; index < pacedAppends; index++) {
          const start = performance.now()
          const append = storage.append('room:r1/users', update)
          pending.push(append.then(() => void latencies.push(performance.now() - start)))
          await sleep(1)
        }
        await Promise.all(pending)
        latencies.sort((a, b) => a - b)
        const quantile = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0
        return { 'append-p50': quantile(0.5), 'append-p99': quantile(0.99) }
      }),
  },
]
