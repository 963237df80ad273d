/** A replica's process as the fleet sees it: its lives, its wire, and what it is asked. */
import { fork } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Child, describeExit, type Exit } from '../demo/child.ts'
import { FaultProxy } from './fault-proxy.ts'
import type { Assignment, Order, WorkerRecord } from './history.ts'

export interface FleetMemberOptions {
  assignment: Omit<Assignment, 'relay' | 'life' | 'seed'>
  /** The seed of its first life. */
  seed: number
  /** The port of the relay. */
  relayPort(): number
  /** Called with each record, in order; `at` is in milliseconds since the Unix epoch. */
  onRecord(at: number, record: WorkerRecord): void
  /** Its process ended unasked. */
  onLost(error: Error): void
}

const script = fileURLToPath(new URL('./worker.js', import.meta.url))

interface Asked {
  readonly kind: WorkerRecord['kind']
  resolve(record: WorkerRecord): void
  reject(error: Error): void
}

export class FleetMember {
  readonly name: string
  readonly proxy: FaultProxy
  /** Whether a fault has hold of its process. */
  isStruck = false
  readonly #options: FleetMemberOptions
  #child: Child | undefined
  #lives = 0
  #read: Promise<void> = Promise.resolve()
  #asked: Asked[] = []
  #cleared = false

  constructor(options: FleetMemberOptions) {
    this.#options = options
    this.name = options.assignment.name
    this.proxy = new FaultProxy(options.relayPort)
  }

  /** Starts its process, on what its directory holds; resolves when its replica is open. */
  async start(): Promise<void> {
    if (this.#cleared) throw new Error('the fleet has ended')
    const { assignment, seed, onLost } = this.#options
    const life = this.#lives
    this.#lives += 1
    const process = fork(script, { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'ipc'] })
    const child: Child = new Child(process, exit => onLost(this.#lostBy(child, exit)))
    this.#child = child
    this.#read = this.#readHistory(process.stdio[3] as Readable)
    const relay = this.proxy.url
    await this.#ask('opened', {
      kind: 'start',
      assignment: { ...assignment, relay, life, seed: seed + life },
    })
  }

  /** Sends SIGKILL, and resolves when all that it had recorded is read. */
  async kill(): Promise<void> {
    await this.#child?.end('SIGKILL')
    await this.#ended()
  }

  /** Lets it close its replica in peace; resolves when it has ended. */
  async stop(): Promise<Exit | undefined> {
    this.order({ kind: 'close' })
    const exit = await this.#child?.dismiss()
    await this.#ended()
    return exit
  }

  /** SIGSTOP: it stands still, and its sockets stay open. */
  pause(): void {
    this.#child?.process.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.process.kill('SIGCONT')
  }

  order(order: Order): void {
    const process = this.#child?.process
    // An order to a process that is gone is lost, and so it is meant to be.
    if (process?.connected) process.send(order, () => undefined)
  }

  /** Asks it something, and resolves with the record that answers. */
  async ask<Kind extends 'told' | 'confirmed'>(
    kind: Kind,
  ): Promise<Extract<WorkerRecord, { kind: Kind }>> {
    const order: Order = { kind: kind === 'told' ? 'tell' : 'confirm' }
    return (await this.#ask(kind, order)) as Extract<WorkerRecord, { kind: Kind }>
  }

  /** Makes sure that no process of it is left, and that none is started any more. */
  async clear(): Promise<void> {
    this.#cleared = true
    await this.kill()
    this.proxy.close()
  }

  #ask(kind: WorkerRecord['kind'], order: Order): Promise<WorkerRecord> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ kind, resolve, reject })
      this.order(order)
    })
  }

  async #readHistory(pipe: Readable): Promise<void> {
    for await (const line of createInterface({ input: pipe })) {
      const parsed = parseLine(line)
      if (parsed === undefined) continue
      const { at, record } = parsed
      this.#options.onRecord(at, record)
      const index = this.#asked.findIndex(({ kind }) => kind === record.kind)
      if (index >= 0) this.#asked.splice(index, 1)[0]?.resolve(record)
    }
  }

  async #ended(): Promise<void> {
    await this.#read
    const asked = this.#asked
    this.#asked = []
    for (const { kind, reject } of asked) {
      reject(new Error(`${this.name} ended before it answered with "${kind}"`))
    }
  }

  #lostBy(child: Child, exit: Exit): Error {
    return new Error(`${this.name} ended unasked: ${describeExit(exit)}\n${child.lastWords}`.trim())
  }
}

/** A process that is killed while it writes leaves a part of a line. */
function parseLine(line: string): { at: number; record: WorkerRecord } | undefined {
  if (!line.endsWith('}}')) return undefined
  try {
    return JSON.parse(line) as { at: number; record: WorkerRecord }
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined
    throw thrown
  }
}
