/** Runs the command line, as built, to its end. */
import { inRepository } from './repository.ts'
import { type ProcessOutcome, runNode } from './run-node.ts'

export function runCommandLine(...args: string[]): Promise<ProcessOutcome> {
  return runCommandLineWith({}, ...args)
}

/** With variables added to the environment. */
export function runCommandLineWith(
  environment: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<ProcessOutcome> {
  const env = { ...process.env, ...environment }
  return runNode([inRepository('dist/server/cli/main.js'), ...args], { env })
}
