#!/usr/bin/env node
/** The command line of Statemesh. */
import { Command } from 'commander'
import { addDataCommands } from './data-commands.ts'
import { addRelayCommand } from './relay-command.ts'
import { addTokenCommand } from './token-command.ts'

const program = new Command('statemesh').description(
  'shared state for fleets of agents: relays and tools',
)
addRelayCommand(program)
addTokenCommand(program)
addDataCommands(program)
await program.parseAsync()
