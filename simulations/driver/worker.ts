/** A process that runs jobs as they come: an entry point of its own. */
import { type Job, runJob } from './job.ts'

process.on('message', (job: Job) => {
  runJob(job).then(
    result => process.send?.(result),
    thrown => {
      process.nextTick(() => {
        throw thrown
      })
    },
  )
})
