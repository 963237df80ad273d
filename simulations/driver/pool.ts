/** Jobs on all cores: processes that take one job after another. */
import { type ChildProcess, fork } from 'node:child_process'
import { present } from '../../src/base/assert.ts'
import type { Job, JobResult } from './job.ts'

/**
 * - V8 moves what is young out of the way of what is new 16 MiB at a time, unless told so. Worlds make more
 *   than that in a few runs, and forget it: with these 64 MiB a worker does 4 to 5 % more, for about
 *   100 MB of memory.
 * - It collects garbage on several threads at once, which pays where cores are idle. There is a worker for
 *   each, and what the threads take to agree is lost.
 */
const workerFlags: readonly string[] = ['--max-semi-space-size=64', '--single-threaded-gc']

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
  const children = Array.from({ length: count }, () => startWorker(script))
  try {
    await Promise.all(children.map(child => work(child, waiting, onResult)))
  } finally {
    for (const child of children) child.kill()
  }
}

/** A process of `script`, as worlds run best in it. */
export function startWorker(script: URL): ChildProcess {
  const execArgv = [...process.execArgv, ...workerFlags]
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
