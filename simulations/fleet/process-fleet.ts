/** The processes of a fleet, on directories of their own: replicas, their wires, and the relay. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RelayEvent } from '../../server/relay-options.ts'
import { systemTime } from '../../src/base/time.ts'
import { checkRelayEvent } from '../checkers/refusals.ts'
import { Violation } from '../checkers/violation.ts'
import { RelayProcess } from '../demo/relay-process.ts'
import type { Dice } from '../world/dice.ts'
import { FleetMember } from './fleet-member.ts'
import type { HistoryLine } from './history.ts'
import { Judge } from './judge.ts'
import { readStored, replaceDirectory } from './stored-documents.ts'

export interface ProcessFleetOptions {
  /** For the data of all processes. */
  directory: string
  replicas: number
  dice: Dice
  /** Called with each record of a process. */
  onRecord(line: HistoryLine): void
  /** A process ended unasked. */
  onLost(error: Error): void
}

const dist = fileURLToPath(new URL('../../', import.meta.url))

/** Of each process, on average. */
const thinkMilliseconds = 25
const operationsPerFlush = 8

/** A partition may keep acks away for longer than a fault is worth waiting. */
const aimMillisecondsMax = 500

export class ProcessFleet {
  readonly judge: Judge = new Judge()
  readonly dice: Dice
  readonly relay: RelayProcess
  readonly members: readonly FleetMember[]
  /** Whether a fault has hold of the relay's process. */
  isRelayStruck = false
  /** Whether the relay's disk lacks what it had acknowledged, until replicas have brought it back. */
  #isLossy = false
  #hasBackup = false
  readonly #directory: string
  readonly #watchers = new Set<(line: HistoryLine) => void>()

  constructor({ directory, replicas, dice, onRecord, onLost }: ProcessFleetOptions) {
    this.#directory = directory
    this.dice = dice
    this.relay = new RelayProcess({
      dist,
      directory: this.#relayDirectory,
      onLost,
      onLog: line => this.#checkLog(line),
    })
    this.members = Array.from({ length: replicas }, (_, index) => {
      const name = `r${index + 1}`
      return new FleetMember({
        assignment: {
          name,
          directory: this.directoryOf(name),
          thinkMilliseconds,
          operationsPerFlush,
        },
        seed: dice.source.uint32() & 0x7fffffff,
        relayPort: () => this.relay.port,
        onRecord: (at, record) => {
          const line = { who: name, at, record }
          this.judge.add(line)
          for (const watcher of this.#watchers) watcher(line)
          onRecord(line)
        },
        onLost,
      })
    })
  }

  directoryOf(name: string): string {
    return join(this.#directory, name)
  }

  /** Those that no fault has hold of. */
  get free(): FleetMember[] {
    return this.members.filter(({ isStruck }) => !isStruck)
  }

  get hasBackup(): boolean {
    return this.#hasBackup
  }

  async start(): Promise<void> {
    await Promise.all(this.members.map(({ proxy }) => proxy.listen()))
    await this.relay.start()
    await Promise.all(this.members.map(member => member.start()))
  }

  /**
   * Resolves when a flush to a level has just been acknowledged to somebody, or after a while: the
   * moment to kill whoever may have promised too much.
   */
  nextFlush(level: 'local' | 'durable', who?: FleetMember): Promise<void> {
    return new Promise(resolve => {
      const end = () => {
        cancel()
        this.#watchers.delete(watcher)
        resolve()
      }
      const watcher = (line: HistoryLine) => {
        const { record } = line
        const isAck = record.kind === 'flushed' && record.level === level
        if (isAck && (who === undefined || who.name === line.who)) end()
      }
      const cancel = systemTime.after(aimMillisecondsMax, end)
      this.#watchers.add(watcher)
    })
  }

  /** Kills the relay, and holds what is on its disk against what it has acknowledged. */
  async killRelay(): Promise<void> {
    await this.relay.end('SIGKILL')
    await this.checkRelayDisk('killed, ')
  }

  /** The relay must not be running. */
  async checkRelayDisk(when: string): Promise<void> {
    if (this.#isLossy) return
    const stored = await readStored(this.#relayDirectory)
    for (const document of this.judge.durable.documents()) {
      const clocks = stored.get(document)?.clocks ?? new Map<number, number>()
      this.judge.checkDurable(`${when}the disk of the relay`, document, clocks)
    }
  }

  /** Keeps a copy of the disk of the relay, which must not be running. */
  async backUpRelay(): Promise<void> {
    await replaceDirectory(this.#backup, this.#relayDirectory)
    this.#hasBackup = true
  }

  /** Puts the copy in the place of the disk of the relay, which must not be running. */
  async restoreRelay(): Promise<void> {
    this.#isLossy = true
    await replaceDirectory(this.#relayDirectory, this.#backup)
  }

  /** The canary: the relay loses its disk, and nobody is told. */
  async emptyRelay(): Promise<void> {
    await this.relay.end('SIGKILL')
    const empty = join(this.#directory, 'empty')
    await replaceDirectory(this.#relayDirectory, empty)
  }

  /** All have converged: what the relay's disk had lost is there again. */
  becomeWhole(): void {
    this.#isLossy = false
  }

  /** What lies on the disk of the relay or of a replica, whose process must have ended. */
  readDisk(name: string): ReturnType<typeof readStored> {
    return readStored(this.directoryOf(name))
  }

  /** Ends every process that is left. */
  async clear(): Promise<void> {
    await Promise.all([this.relay.clear(), ...this.members.map(member => member.clear())])
  }

  get #relayDirectory(): string {
    return this.directoryOf('relay')
  }

  get #backup(): string {
    return this.directoryOf('relay-backup')
  }

  #checkLog(line: string): void {
    if (!line.startsWith('{') || !line.endsWith('}')) return
    try {
      checkRelayEvent(JSON.parse(line) as RelayEvent, false)
    } catch (thrown) {
      if (!(thrown instanceof Violation)) throw thrown
      this.judge.violations.push(thrown.message)
    }
  }
}
