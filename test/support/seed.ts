/**
 * Seeds of random tests. Every run takes fresh ones, so that the tests go on searching; a failing
 * test prints its seed, and the environment variable SEED repeats it, for fast-check too. Vitest
 * loads this file before every test file.
 */
import { randomInt } from 'node:crypto'
import { onTestFailed } from 'vitest'

const given = process.env.SEED === undefined ? undefined : Number(process.env.SEED)
if (given !== undefined) {
  if (!Number.isSafeInteger(given)) throw new Error('SEED must be an integer')
  const { configureGlobal } = await import('fast-check')
  configureGlobal({ seed: given })
}

/** A seed for the test that is running, printed if the test fails. */
export function testSeed(): number {
  const seed = given ?? randomInt(2 ** 32)
  onTestFailed(({ task }) => {
    process.stderr.write(`"${task.name}" failed with SEED=${seed}\n`)
  })
  return seed
}
