/** Runs the command line, as built, to its end. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { inRepository } from './repository.ts'

export interface CommandOutcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export function runCommandLine(...args: string[]): Promise<CommandOutcome> {
  return runCommandLineWith({}, ...args)
}

/** With variables added to the environment. */
export async function runCommandLineWith(
  environment: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<CommandOutcome> {
  const child = spawn(process.execPath, [inRepository('dist/server/cli/main.js'), ...args], {
    env: { ...process.env, ...environment },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', text => {
    stdout += text
  })
  child.stderr.on('data', text => {
    stderr += text
  })
  const [code] = await once(child, 'close')
  return { code, stdout, stderr }
}
