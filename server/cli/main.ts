#!/usr/bin/env node
/** The command line of Statemesh. */
import { Command } from 'commander'
import { addDataCommands } from './data-commands.ts'
import { log } from './log.ts'
import { failed } from './outcome.ts'
import { addRelayCommand } from './relay-command.ts'
import { addTokenCommand } from './token-command.ts'

const program = new Command('statemesh')
  .description('shared state for fleets of agents: relays and tools')
  // Commands inherit both: whoever runs them is to know a wrong command line by its code, too.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : failed))
  .configureOutput({ outputError: refuse })
addRelayCommand(program)
addTokenCommand(program)
addDataCommands(program)
await program.parseAsync()

function refuse(text: string): void {
  const message = text.replace(/^error: /, '').trim()
  log({ level: 'error', event: 'refused', code: 'OPTION_INVALID', message })
}
