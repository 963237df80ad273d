/** The command line of the simulator. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { type ProfileName, profileNames } from '../run/profile.ts'

export interface DriverOptions {
  /** The first seed. */
  readonly seed: number
  readonly seeds: number
  /** Operations in each run. */
  readonly ops: number
  readonly replicas?: number
  /** All profiles in turn where none is given. */
  readonly profiles: readonly ProfileName[]
  readonly workers: number
  readonly checkDeterminism: boolean
  readonly trace: boolean
  /** A file for the report, as Markdown. */
  readonly report?: string
}

/** Reads the arguments behind the script's name; prints help or a complaint and ends, if asked to. */
export function parseOptions(argv: readonly string[], workersDefault: number): DriverOptions {
  const command = new Command('simulate')
    .description('runs fleets in a false world, by seed, and checks what they promise')
    .option('--seed <n>', 'the first seed', wholeNumber, 1)
    .option('--seeds <k>', 'how many seeds of each profile', wholeNumber)
    .option('--ops <m>', 'operations in each run', wholeNumber, 300)
    .option('--replicas <r>', 'replicas in each run; drawn where it is not given', wholeNumber)
    .addOption(new Option('--profile <name>', 'what goes wrong').choices([...profileNames, 'all']))
    .option('--workers <n>', 'processes at work', wholeNumber, workersDefault)
    .option('--check-determinism', 'runs every seed twice and compares', false)
    .option('--trace', 'prints the story of one seed', false)
    .option('--report <file>', 'writes a page of figures as Markdown')
    .parse([...argv], { from: 'user' })
  const { profile = 'all', seeds, ...rest } = command.opts()
  const profiles = profile === 'all' ? profileNames : [profile as ProfileName]
  return { ...rest, seeds: seeds ?? (rest.trace ? 1 : 100), profiles } as DriverOptions
}

function wholeNumber(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new InvalidArgumentError('a whole number is needed')
  }
  return number
}
