/** Runs a process of Node to its end. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { inRepository } from './repository.ts'

export interface ProcessOutcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** @param onStarted is given the process, which may have to be killed */
export async function runNode(
  args: readonly string[],
  options: Pick<SpawnOptions, 'cwd' | 'env'> = {},
  onStarted: (child: ChildProcess) => void = () => {},
): Promise<ProcessOutcome> {
  const child = spawn(process.execPath, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  onStarted(child)
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { code, stdout, stderr }
}

/** Runs a module that has the library, as built, as `statemesh`. */
export function runScript(script: string): Promise<ProcessOutcome> {
  const library = JSON.stringify(pathToFileURL(inRepository('dist/src/index.js')).href)
  const module = `import * as statemesh from ${library}\n${script}`
  return runNode(['--input-type=module', '--eval', module])
}
