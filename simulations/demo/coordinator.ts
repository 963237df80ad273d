/**
 * Runs the demo from the text to the result: agents index it together while things go wrong, then
 * all that they hold is compared with each other, with the relay, and with the plain truth.
 */
import { systemTime } from '../../src/index.ts'
import { checkOutcome, type Outcome } from './checks.ts'
import { describeExit } from './child.ts'
import { playCouncil } from './council-play.ts'
import { playFaults } from './faults.ts'
import { type Fleet, prepareFleet } from './fleet.ts'
import type { DemoResult } from './result.ts'
import { readTextFiles } from './text-files.ts'
import { buildIndex } from './text-index.ts'
import { type Section, splitSections } from './text-section.ts'

export interface DemoOptions {
  /** The directory whose Markdown files are indexed. */
  text: string
  /** Where the build is, from which the processes are started. */
  dist: string
  /** Whether the agents link with one another, and the relay joins late. */
  isPeerToPeer: boolean
  /** Called whenever there may be news to show. */
  onChange(fleet: Fleet): void
  /** Ends the demo early; nothing is left behind. */
  signal: AbortSignal
}

const agents = ['ada', 'bela', 'cleo', 'dara'] as const

/** Fewer sections for each agent would leave no middle for a fault to hit. */
const shareSizeMin = 4

/**
 * Plays the demo once.
 *
 * @throws an error when something did not happen that should have, and the signal's reason; what
 * happened and was wrong is in the result
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { text, dist, isPeerToPeer, onChange, signal } = options
  const started = systemTime.monotonic()
  const files = await readTextFiles(text)
  const sections = splitSections(files)
  if (sections.length < agents.length * shareSizeMin) {
    throw new Error(`there is too little Markdown in ${text}: ${sections.length} sections`)
  }
  const fleet = await prepareFleet({ dist, sections, agents, isPeerToPeer, onChange })
  const stop = () => fleet.watch.fail(signal.reason)
  signal.addEventListener('abort', stop)
  try {
    signal.throwIfAborted()
    const outcome = await Promise.race([play(fleet, sections), fleet.watch.failed])
    const seconds = (systemTime.monotonic() - started) / 1_000
    return { ...checkOutcome(fleet, outcome), seconds: Math.round(seconds * 10) / 10 }
  } finally {
    signal.removeEventListener('abort', stop)
    await fleet.clear()
  }
}

async function play(fleet: Fleet, sections: readonly Section[]): Promise<Outcome> {
  const { members, relay: relayProcess, watch } = fleet
  await watch.settles('the fleet to start', fleet.start())
  await Promise.all([playFaults(fleet), fleet.allFinish()])
  const council = await playCouncil(fleet)
  const exits = await Promise.all(
    members.map(member => watch.settles(`${member.name} to read its replica`, member.read())),
  )
  const relayExit = await watch.settles('the relay to drain', relayProcess.end('SIGTERM'))
  if (relayExit !== undefined) exits.push(relayExit)
  const relay = await fleet.readRelay()
  return {
    sections,
    relay,
    council,
    expected: buildIndex(sections),
    uncleanExits: exits.filter(({ code }) => code !== 0).map(describeExit),
  }
}
