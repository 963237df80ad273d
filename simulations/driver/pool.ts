/** Jobs on all cores: processes that take one job after another. */
import { type ChildProcess, fork } from 'node:child_process'
import { present } from '../../src/base/assert.ts'
import type { Job, JobResult } from './job.ts'

/** What a world leaves of a process in use, in MiB: the code, and what is compiled of it. */
const lastingMebibytes = 40

/**
 * How V8 collects garbage in each of so many workers.
 *
 * - It moves what is in use out of the way of what is new as often as so many mebibytes have been made. A run
 *   makes some 50 of them, and forgets all: with 512 MiB most runs are over before they are moved, and a worker
 *   does 10 to 15 % more than with 64.
 * - It looks through what is old as often as there are twice as many of that. Each time it also forgets what it
 *   has compiled for functions of which no instance is in use, and all those of a world that ended are such:
 *   where it looks every other second, a tenth of the time goes to compiling the same again.
 * - What is new and what is old each take twice the room for the new: all workers together half of the memory
 *   that is free.
 * - It does both on one thread. Several pay where cores are idle; there is a worker for each, and what the
 *   threads take to agree is lost.
 */
function collectorFlags(workers: number): string[] {
  const share = process.availableMemory() / 8 / workers / 2 ** 20
  const young = 2 ** Math.floor(Math.log2(Math.min(512, Math.max(16, share))))
  const old = 2 * young
  return [
    `--min-semi-space-size=${young}`,
    `--max-semi-space-size=${young}`,
    `--initial-old-space-size=${old}`,
    `--heap-growing-percent=${Math.round((100 * old) / lastingMebibytes)}`,
    '--no-memory-reducer',
    '--single-threaded-gc',
  ]
}

/**
 * Runs the jobs on so many processes of `script`, and calls `onResult` as each is done.
 *
 * Rejects when a process ends before its work.
 */
export async function runJobs(
  script: URL,
  jobs: readonly Job[],
  { workers, onResult }: { workers: number; onResult: (result: JobResult, job: Job) => void },
): Promise<void> {
  const waiting = [...jobs]
  const count = Math.min(workers, jobs.length)
  const children = Array.from({ length: count }, () => startWorker(script, count))
  try {
    await Promise.all(children.map(child => work(child, waiting, onResult)))
  } finally {
    for (const child of children) child.kill()
  }
}

/** A process of `script`, one of so many, as worlds run best in it. */
export function startWorker(script: URL, workers: number): ChildProcess {
  const execArgv = [...process.execArgv, ...collectorFlags(workers)]
  return fork(script, { serialization: 'advanced', execArgv })
}

function work(
  child: ChildProcess,
  waiting: Job[],
  onResult: (result: JobResult, job: Job) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let running: Job | undefined
    const next = () => {
      running = waiting.shift()
      if (running === undefined) resolve()
      else child.send(running)
    }
    child.on('message', result => {
      onResult(result as JobResult, present(running, 'a result answers a job'))
      next()
    })
    child.on('error', reject)
    child.on('exit', code => {
      reject(new Error(`a worker ended with ${code} in ${JSON.stringify(running)}`))
    })
    next()
  })
}
