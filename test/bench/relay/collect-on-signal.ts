/**
 * Loaded into a server before its own code: on SIGUSR2 it collects its garbage, so that what is
 * measured is what it holds. A nursery shrinks only with a collection some time after another.
 */
import { setTimeout as sleep } from 'node:timers/promises'

process.on('SIGUSR2', async () => {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.()
    await sleep(500)
  }
})
