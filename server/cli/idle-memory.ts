/**
 * Gives memory back after a busy time. V8 collects garbage when it needs room, so that a relay which
 * has become idle would keep what thousands of joins left behind until it is busy again.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { MemorySource } from '../../src/base/memory.ts'
import type { CancelTimer, TimeSource } from '../../src/base/time.ts'

const lookMilliseconds = 1_000
/**
 * A process that used less of a core than this in the time between two looks is idle: ten updates a
 * second take as much, and of more than that several would wait for the collection.
 */
const idleShare = 0.01
/**
 * After so many idle looks it is collected: twice, since V8 gives up its nursery only when little has
 * been allocated since the collection before, and once more when rooms that were left are gone.
 */
const collectingLooks = [2, 4, 40]
/** Less is not worth the pause, which takes some 100 ms for 100 MB. */
const growthBytesMin = 8 * 1024 * 1024

/** Begins to look; ends with the process, which it does not hold up. */
export function giveMemoryBack(time: TimeSource, memory: MemorySource): CancelTimer {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  let cancel: CancelTimer = () => undefined
  let before = process.cpuUsage()
  let idle = 0
  let grown = false
  let bytesAfter = 0
  const bytesNow = () => memory()?.residentBytes ?? 0
  const look = (): void => {
    const { user, system } = process.cpuUsage(before)
    idle = user + system < idleShare * lookMilliseconds * 1_000 ? idle + 1 : 0
    if (idle === collectingLooks[0]) grown = bytesNow() - bytesAfter > growthBytesMin
    if (grown && collectingLooks.includes(idle)) {
      collect()
      bytesAfter = bytesNow()
    }
    before = process.cpuUsage()
    cancel = time.after(lookMilliseconds, look)
  }
  cancel = time.after(lookMilliseconds, look)
  return () => cancel()
}
