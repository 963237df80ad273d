/** Runs `npm run simulate` as built, without npm, to its end. */
import { onTestFinished } from 'vitest'
import { inRepository } from './repository.ts'
import { type ProcessOutcome, runNode } from './run-node.ts'

export function runSimulator(directory: string, ...args: string[]): Promise<ProcessOutcome> {
  const main = inRepository('dist', 'simulations', 'main.js')
  return runNode([main, ...args], { cwd: directory }, child => {
    // A test that is given up must not leave it working beside the others.
    onTestFinished(() => void child.kill('SIGINT'))
  })
}
