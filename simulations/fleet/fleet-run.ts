/**
 * A run of real processes, in rounds: faults strike while everybody works; then all is healed, all
 * rest, and the fleet must hold the same bytes everywhere in bounded time. A seed repeats the
 * choices of a run, not when they fall: processes, disks and sockets keep their own time.
 */
import { createWriteStream, type WriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '../../src/base/random.ts'
import { sleep, systemTime } from '../../src/base/time.ts'
import { describeExit } from '../demo/child.ts'
import type { FleetFigures } from '../driver/figures.ts'
import { Dice } from '../world/dice.ts'
import { type DocumentClocks, readClocks } from './history.ts'
import { canaryFaults, processFaults } from './process-faults.ts'
import { ProcessFleet } from './process-fleet.ts'
import { emptyDigest, type StoredDocuments } from './stored-documents.ts'
import { Striker } from './striker.ts'

export interface FleetRunOptions {
  seed: number
  replicas: number
  /** How long to work; the last round ends later. */
  seconds: number
  /** Whether the relay is to lose its disk, which must be found. */
  canary: boolean
  /** Called at the end of each round. */
  onRound(figures: FleetFigures): void
  /** Ends the run early; no process is left behind. */
  signal: AbortSignal
}

export interface FleetRunResult {
  readonly figures: FleetFigures
  /** Where the history and the databases are, if something failed. */
  readonly kept: string | undefined
}

const convergenceMillisecondsMax = 60_000
const lookMilliseconds = 50
/** How long faults strike in a round. */
const roundMilliseconds = [2000, 6000] as const

const late = Symbol('late')

/**
 * Runs a fleet; what it finds is in the result.
 *
 * @throws the signal's reason
 */
export async function runFleet(options: FleetRunOptions): Promise<FleetRunResult> {
  const directory = await mkdtemp(join(tmpdir(), 'statemesh-fleet-'))
  const history = createWriteStream(join(directory, 'history.jsonl'))
  const run = new FleetRun(options, directory, history)
  try {
    const figures = await run.whole()
    const failed = figures.failures.length > 0
    return { figures, kept: failed ? directory : undefined }
  } finally {
    await run.fleet.clear()
    await new Promise<void>(resolve => history.end(() => resolve()))
    if (!run.failed) await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

class FleetRun {
  readonly fleet: ProcessFleet
  readonly #options: FleetRunOptions
  readonly #striker: Striker
  readonly #history: WriteStream
  readonly #directory: string
  readonly #convergence: number[] = []
  #started = systemTime.monotonic()
  /** Rejects when a process ends unasked, or the run is to end. */
  readonly #ended: Promise<never>
  #rounds = 0
  #digests: { readonly [document: string]: string } = {}
  readonly #counted = { acked: 0, survived: 0 }

  constructor(options: FleetRunOptions, directory: string, history: WriteStream) {
    this.#options = options
    this.#directory = directory
    this.#history = history
    let lose: (error: Error) => void = () => undefined
    this.#ended = new Promise((_, reject) => {
      lose = reject
    })
    this.#ended.catch(() => undefined) // nobody need be waiting when it happens
    options.signal.addEventListener('abort', () => lose(options.signal.reason as Error))
    this.fleet = new ProcessFleet({
      directory,
      replicas: options.replicas,
      dice: new Dice(seededRandom(options.seed)),
      onRecord: line => this.#write(line),
      onLost: lose,
    })
    this.#striker = new Striker(this.fleet, options.canary ? canaryFaults : processFaults)
  }

  get failed(): boolean {
    return this.fleet.judge.violations.length > 0
  }

  async whole(): Promise<FleetFigures> {
    const { signal, seconds } = this.#options
    const { judge } = this.fleet
    try {
      await mkdir(join(this.#directory, 'empty'))
      await Promise.race([this.#play(seconds * 1000), this.#ended])
    } catch (thrown) {
      signal.throwIfAborted()
      judge.broken('processes', thrown instanceof Error ? `${thrown.stack}` : String(thrown))
    }
    await this.fleet.clear()
    await this.#countAcked()
    return this.#figures()
  }

  async #play(milliseconds: number): Promise<void> {
    await this.fleet.start()
    this.#started = systemTime.monotonic()
    do {
      await this.#round(milliseconds)
      this.#options.onRound(this.#figures())
    } while (!this.failed && this.#elapsed() < milliseconds)
    if (!this.failed) await this.#end()
  }

  async #round(milliseconds: number): Promise<void> {
    const { fleet } = this
    const left = milliseconds - this.#elapsed()
    this.#write({ round: this.#rounds + 1 })
    for (const member of fleet.members) member.order({ kind: 'work' })
    await this.#striker.strikeFor(Math.min(fleet.dice.between(...roundMilliseconds), left))
    if (this.failed) return // it is known what is wrong; to converge would only hide the traces
    for (const member of fleet.members) member.order({ kind: 'rest' })
    this.#write({ healed: { ...this.#striker.struck } })
    const why = await this.#converge()
    if (why !== undefined) return fleet.judge.broken('convergence', why)
    const clocks = await this.#confirm()
    if (clocks === undefined) return fleet.judge.broken('flush', 'not all of it becomes durable')
    fleet.judge.endRound(clocks)
    fleet.becomeWhole()
    this.#rounds += 1
  }

  /** Waits until all hold the same; answers why they do not, if they do not in time. */
  async #converge(): Promise<string | undefined> {
    const start = systemTime.monotonic()
    const deadline = sleep(systemTime, convergenceMillisecondsMax).then((): typeof late => late)
    let why = 'somebody does not answer'
    for (;;) {
      const found = await Promise.race([this.#whyDifferent(), deadline])
      const elapsed = systemTime.monotonic() - start
      if (found === late) return `not within ${Math.round(elapsed / 1000)} s: ${why}`
      if (found === undefined) {
        this.#convergence.push(Math.round(elapsed))
        return undefined
      }
      why = found
      await sleep(systemTime, lookMilliseconds)
    }
  }

  async #whyDifferent(): Promise<string | undefined> {
    const { members } = this.fleet
    const answers = await Promise.all(members.map(member => member.ask('told')))
    const [first] = answers
    for (const [index, { unsynced, link, digests }] of answers.entries()) {
      const name = members[index]?.name
      if (unsynced > 0) return `${name} owes ${unsynced} documents; its link is ${link}`
      const different = Object.keys(digests).find(key => digests[key] !== first?.digests[key])
      if (different !== undefined) return `${different} differs between r1 and ${name}`
    }
    this.#digests = first?.digests ?? {}
    return undefined
  }

  /**
   * Everything is flushed, everything is looked at, and all must read the same. Answers what all
   * know; undefined where somebody does not answer.
   */
  async #confirm(): Promise<DocumentClocks | undefined> {
    const { members, judge } = this.fleet
    const asked = Promise.all(members.map(member => member.ask('confirmed')))
    const deadline = sleep(systemTime, convergenceMillisecondsMax).then(() => undefined)
    const answers = await Promise.race([asked, deadline])
    for (const [index, { clocks, views }] of (answers ?? []).entries()) {
      const name = members[index]?.name ?? ''
      for (const [document, known] of Object.entries(clocks)) {
        judge.checkDurable(name, document, readClocks(known))
      }
      const other = views.findIndex((view, at) => view !== answers?.[0]?.views[at])
      if (other < 0) continue
      const message = `${name} reads ${views[other]}, r1 reads ${answers?.[0]?.views[other]}`
      judge.broken('convergence', message.slice(0, 2000))
    }
    return answers?.[0]?.clocks
  }

  /** Ends all processes in peace, and compares what lies on their disks. */
  async #end(): Promise<void> {
    const { fleet } = this
    const { members, relay, judge } = fleet
    const exits = await Promise.all(members.map(member => member.stop()))
    exits.push(await relay.end('SIGTERM'))
    for (const exit of exits) {
      if (exit?.code !== 0)
        judge.broken('processes', `one ended with ${exit && describeExit(exit)}`)
    }
    await fleet.checkRelayDisk('')
    for (const [name, disk] of await this.#readDisks()) {
      for (const [document, digest] of Object.entries(this.#digests)) {
        if ((disk.get(document)?.digest ?? emptyDigest) === digest) continue
        judge.broken('convergence', `${document} is another on the disk of ${name}`)
      }
    }
  }

  /** What all disks together still hold of what was acknowledged, when all processes have ended. */
  async #countAcked(): Promise<void> {
    const { durable } = this.fleet.judge
    const disks = [...(await this.#readDisks()).values()]
    for (const document of durable.documents()) {
      const held = disks.flatMap(disk => disk.get(document)?.clocks ?? [])
      const { acked, survived } = durable.count(document, held)
      this.#counted.acked += acked
      this.#counted.survived += survived
    }
  }

  async #readDisks(): Promise<ReadonlyMap<string, StoredDocuments>> {
    const names = ['relay', ...this.fleet.members.map(({ name }) => name)]
    const disks = await Promise.all(names.map(name => this.fleet.readDisk(name)))
    return new Map(names.map((name, index) => [name, disks[index] as StoredDocuments]))
  }

  #elapsed(): number {
    return systemTime.monotonic() - this.#started
  }

  #write(line: object): void {
    this.#history.write(`${JSON.stringify(line)}\n`)
  }

  #figures(): FleetFigures {
    const { seed, replicas } = this.#options
    const { operations, violations } = this.fleet.judge
    return {
      ...{ seed, replicas, operations, ...this.#counted },
      seconds: Math.round(this.#elapsed() / 100) / 10,
      rounds: this.#rounds,
      faults: { ...this.#striker.struck },
      convergence: [...this.#convergence],
      failures: [...new Set(violations)],
    }
  }
}
