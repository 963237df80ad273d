/** Runs `npm run simulate` as built, without npm, to its end. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import { inRepository } from './repository.ts'
import type { CommandOutcome } from './run-command-line.ts'

export async function runSimulator(directory: string, ...args: string[]): Promise<CommandOutcome> {
  const main = inRepository('dist', 'simulations', 'main.js')
  const child = spawn(process.execPath, [main, ...args], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // A test that is given up must not leave it working beside the others.
  onTestFinished(() => void child.kill('SIGINT'))
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { code, stdout, stderr }
}
