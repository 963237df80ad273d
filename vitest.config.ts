import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/support/longest-first.ts'

/**
 * Seeds: a random test takes a fresh seed in every run and prints it when it fails (fast-check
 * prints its own). `SEED=<number> npx vitest run <file>` repeats the run, see `test/support/seed.ts`.
 */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/build.ts'],
    setupFiles: ['test/support/seed.ts'],
    watch: false,
    // Processes, not threads: tests start and kill processes of their own and load native add-ons.
    pool: 'forks',
    // More would only take turns on the two cores that the checks run on, and stretch timings.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // Only what hangs gets there: no test tells by a clock whether something is fast enough.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
