/** How long an update takes from its writer to each reader, at a rate that nobody finds hard. */
import { inDirectory } from '../directory.ts'
import { connectClient } from './bench-client.ts'
import type { ServerKind } from './bench-server.ts'
import { atPace, warmupSeconds } from './ingest.ts'
import { NumberScanner, numberedUpdate } from './numbered-updates.ts'
import { loadCore, pin } from './process-usage.ts'
import { quantile } from './quantile.ts'

export interface LatencyOptions {
  readers: number
  updatesPerSecond: number
  seconds: number
}

const document = 'room:latency/notes'

/** In milliseconds, over all readers. */
export function measureLatency(
  kind: ServerKind,
  { readers, updatesPerSecond, seconds }: LatencyOptions,
): Promise<{ p50: number; p99: number }> {
  pin(process.pid, loadCore)
  return inDirectory(async directory => {
    const server = await kind.start(directory)
    try {
      const warmup = updatesPerSecond * warmupSeconds
      const total = warmup + updatesPerSecond * seconds
      const sentAt = new Float64Array(total + 1)
      const latencies: number[] = []
      const join = () => connectClient({ url: server.url, dialect: kind.dialect, document })
      const writer = await join()
      writer.onBytes(() => undefined)
      const done: Promise<void>[] = []
      for (let index = 0; index < readers; index++) {
        const reader = await join()
        const scanner = new NumberScanner()
        let seen = 0
        done.push(
          new Promise(resolve => {
            reader.onBytes(bytes => {
              scanner.scan(bytes)
              const now = performance.now()
              for (; seen < scanner.highest; seen++) {
                if (seen >= warmup) latencies.push(now - (sentAt[seen + 1] ?? now))
              }
              if (seen === total) resolve()
            })
          }),
        )
      }
      let sent = 0
      await atPace(updatesPerSecond, total, count => {
        for (let left = count; left > 0; left--) {
          sent += 1
          sentAt[sent] = performance.now()
          writer.send([kind.dialect.update(sent, numberedUpdate(1, sent), document)])
        }
      })
      await Promise.all(done)
      return { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) }
    } finally {
      await server.stop()
    }
  })
}
