/** The arguments of the smaller commands. What is wrong with them is said in a line, not in a stack. */
import { type ParseArgsConfig, parseArgs } from 'node:util'

/** What the arguments are to blame for. */
const misuseCode = 2

/** Reads what a command was given; where it does not take that, ends the process. */
export function readArguments<Config extends ParseArgsConfig>(
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config)
  } catch (thrown) {
    if (thrown instanceof TypeError) return misused(thrown.message)
    throw thrown
  }
}

/** Ends the process, since its arguments are wrong. */
export function misused(why: string): never {
  console.error(`OPTION_INVALID: ${why}`)
  process.exit(misuseCode)
}
