/**
 * What the disk alone takes: LevelDB puts with an fsync for all that came while the one before was
 * under way, as the relay has them, and nothing else.
 */
import { Level } from 'level'
import { inDirectory } from '../directory.ts'
import { atPace, type PacedOptions } from './ingest.ts'
import { numberedUpdate } from './numbered-updates.ts'
import { loadCore, pin } from './process-usage.ts'
import { quantile } from './quantile.ts'

/** The time from a put to its fsync, in milliseconds. */
export function measurePuts({
  updatesPerSecond,
  seconds,
}: PacedOptions): Promise<{ p50: number; p99: number }> {
  pin(process.pid, loadCore)
  return inDirectory(async directory => {
    const level = new Level<Uint8Array, Uint8Array>(directory, {
      ...{ keyEncoding: 'view', valueEncoding: 'view' },
    })
    await level.open()
    const latencies: number[] = []
    let waiting: { readonly number: number; readonly at: number }[] = []
    let writing: Promise<void> | undefined
    const write = async (): Promise<void> => {
      while (waiting.length > 0) {
        const puts = waiting
        waiting = []
        const batch = level.batch()
        for (const { number } of puts) batch.put(keyOf(number), numberedUpdate(1, number))
        await batch.write({ sync: true })
        const now = performance.now()
        for (const { at } of puts) latencies.push(now - at)
      }
      writing = undefined
    }
    let number = 0
    await atPace(updatesPerSecond, updatesPerSecond * seconds, count => {
      const at = performance.now()
      for (let left = count; left > 0; left--) waiting.push({ number: ++number, at })
      writing ??= write()
    })
    await writing
    await level.close()
    return { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) }
  })
}

function keyOf(number: number): Uint8Array {
  return Buffer.from(String(number).padStart(10, '0'))
}
