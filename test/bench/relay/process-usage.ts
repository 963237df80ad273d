/** What a process costs, as Linux counts it, and on which core it may run. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Skip } from '../figure.ts'

/** The servers run on this core, the load on the other. */
export const serverCore = 0
export const loadCore = 1

/**
 * The CPU time that a process has used, all its threads together, in seconds.
 *
 * @throws Skip where there is no /proc
 */
export function cpuSeconds(pid: number): number {
  const tasks = `/proc/${pid}/task`
  if (!existsSync(tasks)) throw new Skip('CPU time is read from /proc')
  let nanoseconds = 0
  for (const task of readdirSync(tasks)) {
    nanoseconds += Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0])
  }
  return nanoseconds / 1e9
}

/**
 * The memory of a process that nothing else shares, in bytes.
 *
 * @throws Skip where there is no /proc
 */
export function residentBytes(pid: number): number {
  const file = `/proc/${pid}/status`
  if (!existsSync(file)) throw new Skip('memory is read from /proc')
  const kilobytes = readFileSync(file, 'utf8').match(/^RssAnon:\s+(\d+) kB$/m)?.[1]
  return Number(kilobytes) * 1024
}

/** Binds a process, with all its threads, to one core; says aloud where that cannot be done. */
export function pin(pid: number, core: number): void {
  if (availableParallelism() < 2 && process.pid !== pid) return
  try {
    execFileSync('taskset', ['-a', '-p', '-c', String(core), String(pid)], { stdio: 'ignore' })
  } catch (error) {
    sayOnce(`not pinned to a core: ${(error as Error).message}`)
  }
}

const said = new Set<string>()

/** A remark on how the figures came about, on stderr. */
export function sayOnce(remark: string): void {
  if (said.has(remark)) return
  said.add(remark)
  process.stderr.write(`${remark}\n`)
}
