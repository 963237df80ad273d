/**
 * The seam of memory: the only file that asks how much of it the process takes. Everything else is
 * given a `MemorySource`, since browsers hardly tell, and a simulation has to own what it sees.
 */

/** What a process takes, in bytes. */
export interface MemoryReading {
  /** Objects in use, and what they hold outside the heap: buffers above all. */
  readonly usedBytes: number
  /** What the operating system counts; undefined where the runtime does not tell. */
  readonly residentBytes?: number
}

/** Undefined where nothing can be known. */
export type MemorySource = () => MemoryReading | undefined

interface NodeMemory {
  rss: number
  heapUsed: number
  external: number
}

interface Runtime {
  process?: { memoryUsage?(): NodeMemory }
  performance?: { memory?: { usedJSHeapSize?: number } }
}

/** Node's own figures, or the heap that Chromium tells of. */
export const systemMemory: MemorySource = () => {
  const { process, performance } = globalThis as Runtime
  const node = process?.memoryUsage?.()
  if (node) return { usedBytes: node.heapUsed + node.external, residentBytes: node.rss }
  const usedBytes = performance?.memory?.usedJSHeapSize
  return usedBytes === undefined ? undefined : { usedBytes }
}
