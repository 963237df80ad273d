/** The command line of the simulator. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { StatemeshError } from '../../src/base/error.ts'
import { type Topology, topologies } from '../nodes/topology.ts'
import { type ProfileName, profileNames } from '../run/profile.ts'

export interface DriverOptions {
  /** The first seed. */
  readonly seed: number
  readonly seeds: number
  /** Operations in each run. */
  readonly ops: number
  readonly replicas?: number
  /** Drawn by each seed where it is not given. */
  readonly topology?: Topology
  /** All profiles in turn where none is given. */
  readonly profiles: readonly ProfileName[]
  readonly workers: number
  readonly checkDeterminism: boolean
  readonly trace: boolean
  /** Whether to plant a bug that must be found. */
  readonly canary: boolean
  /** Real processes instead of a world, for so many seconds. */
  readonly fleet: boolean
  readonly seconds: number
  /** A directory for the runs that fail. */
  readonly failures: string
  /** A file that gathers the figures of several invocations. */
  readonly into?: string
  /** Files of figures from elsewhere, for the report. */
  readonly from: readonly string[]
  /** A file for the report, as Markdown. */
  readonly report?: string
}

/** Seeds are 32 bits. */
const seedMax = 2 ** 32 - 1
/** Each is a replica with its own documents in memory, or a process. */
const replicasMax = 100
const reportDefault = 'reliability-report.md'

/**
 * Reads the arguments behind the script's name; undefined where they asked for help, which is then
 * printed.
 *
 * @throws OPTION_INVALID
 */
export function parseOptions(
  argv: readonly string[],
  workersDefault: number,
): DriverOptions | undefined {
  const command = commandOf(workersDefault)
  try {
    command.parse([...argv], { from: 'user' })
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown
    if (thrown.exitCode === 0) return undefined
    throw new StatemeshError('OPTION_INVALID', thrown.message.replace(/^error: /, ''))
  }
  const { profile = 'all', seeds, report, ...rest } = command.opts()
  if (rest.topology === 'peers' && rest.replicas === 1) {
    throw new StatemeshError('OPTION_INVALID', 'a fleet of peers has two replicas or more')
  }
  const profiles = profile === 'all' ? profileNames : [profile as ProfileName]
  return {
    ...rest,
    seeds: seeds ?? (rest.trace ? 1 : 100),
    profiles,
    ...(report !== undefined && { report: report === true ? reportDefault : report }),
  } as DriverOptions
}

function commandOf(workersDefault: number): Command {
  const replicas = wholeNumber(1, replicasMax)
  return new Command('simulate')
    .description('runs fleets in a false world, by seed, and checks what they promise')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined }) // whoever catches the error says it, once
    .allowExcessArguments(false)
    .option('--seed <n>', 'the first seed', wholeNumber(0, seedMax), 1)
    .option('--seeds <k>', 'how many seeds of each profile', wholeNumber(0, seedMax))
    .option('--ops <m>', 'operations in each run', wholeNumber(1, 1_000_000), 300)
    .option('--replicas <r>', 'replicas in each run; drawn where it is not given', replicas)
    .addOption(new Option('--profile <name>', 'what goes wrong').choices([...profileNames, 'all']))
    .addOption(new Option('--topology <name>', 'who is linked with whom').choices(topologies))
    .option('--workers <n>', 'processes at work', wholeNumber(1, 1024), workersDefault)
    .option('--check-determinism', 'runs every seed twice and compares', false)
    .option('--trace', 'prints the story of one seed', false)
    .option('--canary', 'plants a bug, so that the run must fail', false)
    .option('--fleet', 'real processes, disks and sockets instead of a false world', false)
    .option('--seconds <n>', 'how long a fleet works', wholeNumber(1, 86_400), 30)
    .option('--failures <dir>', 'where failing runs are kept', 'simulation-failures')
    .option('--into <file>', 'adds the figures to a file, and skips the seeds that are in it')
    .option('--from <file...>', 'reports the figures of these files too', [])
    .option('--report [file]', `writes a page of figures as Markdown (${reportDefault})`)
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return text => {
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= least && number <= most) return number
    throw new InvalidArgumentError(`a whole number from ${least} to ${most} is needed`)
  }
}
