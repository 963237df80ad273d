/** An agent as the coordinator sees it: its process, and what it has reported over all its lives. */
import { fork } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { systemTime } from '../../src/index.ts'
import type { FaultProxy } from '../fleet/fault-proxy.ts'
import { Child, describeExit, type Exit } from './child.ts'
import type { CouncilReport, CouncilTask } from './council.ts'
import type { Assignment, FromAgent, Holding, ToAgent } from './messages.ts'
import { items } from './shared-index.ts'

export interface MemberOptions {
  /** Where the build is. */
  dist: string
  /** All but the addresses that it is to dial. */
  assignment: Omit<Assignment, 'relay' | 'peers'>
  /** Where its peers are now; undefined where all goes through the relay. */
  peers?: () => readonly string[]
  /** Its wire to the relay. */
  proxy: FaultProxy
  /** How long it has to think over each section. */
  pauseMilliseconds: number
  onChange(): void
  /** Its process ended unasked, or its work failed. */
  onLost(error: Error): void
}

export type MemberState = 'starting' | 'working' | 'finished' | 'reading' | 'killed' | 'ended'

/** What a restarted agent found on its own disk. */
export interface Resumption {
  /** How many sections it did not have to do again. */
  readonly kept: number
  /** How many it had begun and has done again. */
  readonly redone: number
  /** What had been acked of its notes, and was not on its disk. */
  readonly forgotten: readonly string[]
}

export class Member {
  readonly proxy: FaultProxy
  /** The sections that are recorded as done. */
  readonly done: Set<string> = new Set()
  /** The names of all pieces that were acked; see `items`. */
  readonly acked: Set<string> = new Set()
  /** What was done to it, in words. */
  readonly faults: string[] = []
  /** What its replica warned of. */
  readonly warnings: string[] = []
  readonly #options: MemberOptions
  readonly #begun = new Set<string>()
  #writesBefore = 0
  #linksBefore = 0
  #writes = 0
  #links = 0
  #child: Child | undefined
  #lives = 0
  #state: MemberState = 'starting'
  #cleared = false
  #address: string | undefined
  #isCut = false
  #resumption: Resumption | undefined
  #holding: Holding | undefined
  readonly #asked = new Map<CouncilTask, (report: CouncilReport) => void>()

  constructor(options: MemberOptions) {
    this.#options = options
    this.proxy = options.proxy
  }

  get name(): string {
    return this.#options.assignment.name
  }

  /** How many sections it has to index. */
  get shareSize(): number {
    return this.#options.assignment.share.length
  }

  /** The share that is begun, from 0 to 1. */
  get progress(): number {
    return this.#begun.size / this.shareSize
  }

  get state(): MemberState {
    return this.#state
  }

  /** How often it has written, in all its lives. */
  get writes(): number {
    return this.#writesBefore + this.#writes
  }

  /** How many cross-references it has written, in all its lives. */
  get links(): number {
    return this.#linksBefore + this.#links
  }

  /** What it found on its disk when it was last restarted. */
  get resumption(): Resumption | undefined {
    return this.#resumption
  }

  /** What it said to hold at the end. */
  get holding(): Holding | undefined {
    return this.#holding
  }

  /** Starts its process, on the same directory as before. */
  start(): void {
    const { dist, assignment, peers, onLost } = this.#options
    if (this.#cleared) throw new Error('the demo has ended')
    this.#writesBefore = this.writes
    this.#linksBefore = this.links
    this.#writes = this.#links = 0
    this.#lives += 1
    this.#become('starting')
    this.#address = undefined
    const process = fork(join(dist, 'simulations', 'demo', 'agent.js'), {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    })
    const child: Child = new Child(process, exit => {
      const words = `${this.name} ended unasked with ${describeExit(exit)}\n${child.lastWords}`
      onLost(new Error(words.trim()))
    })
    this.#child = child
    process.on('message', message => this.#hear(child, message as FromAgent))
    this.#say(child, {
      kind: 'assignment',
      assignment: { ...assignment, relay: this.proxy.url, ...(peers && { peers: peers() }) },
    })
  }

  /** Ends its process with SIGKILL, and resolves when it is gone. */
  async kill(): Promise<void> {
    this.#become('killed')
    await this.#child?.end('SIGKILL')
  }

  /** Ends its process, and takes its disk away. */
  async destroy(): Promise<void> {
    await this.kill()
    await rm(this.#options.assignment.directory, { recursive: true, force: true })
  }

  /** Where its peers can dial it. */
  get address(): string | undefined {
    return this.#address
  }

  get isCut(): boolean {
    return this.#isCut
  }

  /** Cuts it off from everybody. */
  cut(): void {
    this.#isCut = true
    this.proxy.cut()
    if (this.#options.peers && this.#child) this.#say(this.#child, { kind: 'cut' })
  }

  /** Brings it in touch again. */
  mend(): void {
    this.#isCut = false
    this.proxy.mend()
    if (this.#options.peers && this.#child) this.#say(this.#child, { kind: 'mend' })
  }

  /** Lets it do one task of the council; resolves with what it says then. */
  ask(task: CouncilTask): Promise<CouncilReport> {
    const child = this.#child
    if (child === undefined) throw new Error(`${this.name} is not running`)
    return new Promise(resolve => {
      this.#asked.set(task, resolve)
      this.#say(child, { kind: 'task', task })
    })
  }

  /** Lets it open its replica afresh and say what that holds; resolves when it has ended by itself. */
  async read(): Promise<Exit> {
    const child = this.#child
    if (child === undefined) throw new Error(`${this.name} is not running`)
    this.#become('reading')
    this.#say(child, { kind: 'read' })
    const exit = await child.dismiss()
    this.#become('ended')
    if (this.#holding !== undefined) return exit
    throw new Error(`${this.name} could not read its replica: ${child.lastWords}`)
  }

  /** Makes sure that no process of it is left, and that none is started any more. */
  async clear(): Promise<void> {
    this.#cleared = true
    await this.#child?.end('SIGKILL')
    this.proxy.close()
  }

  #hear(child: Child, message: FromAgent): void {
    switch (message.kind) {
      case 'listening':
        this.#address = message.address
        break
      case 'started':
        this.#started(message.done)
        break
      case 'begun':
        this.#begun.add(message.section)
        this.#letGoOn(child)
        break
      case 'done':
        this.done.add(message.section)
        break
      case 'writes':
        this.#writes = message.writes
        this.#links = message.links
        break
      case 'durable':
        for (const item of message.items) this.acked.add(item)
        break
      case 'warning':
        this.warnings.push(message.message)
        break
      case 'finished':
        this.#state = 'finished'
        break
      case 'task-done':
        this.#asked.get(message.task)?.(message.report)
        break
      case 'holds':
        this.#holding = message.holding
        break
      case 'failed':
        this.#options.onLost(new Error(`${this.name} failed: ${message.error}`))
    }
    this.#options.onChange()
  }

  #started(done: readonly string[]): void {
    this.#state = 'working'
    if (this.#lives === 1) return
    const found = new Set(done)
    this.#resumption = {
      kept: found.size,
      redone: [...this.#begun].filter(section => !found.has(section)).length,
      forgotten: [...this.done].filter(id => this.acked.has(items.note(id)) && !found.has(id)),
    }
  }

  #letGoOn(child: Child): void {
    systemTime.after(this.#options.pauseMilliseconds, () => this.#say(child, { kind: 'go' }))
  }

  #say(child: Child, message: ToAgent): void {
    // A message to a process that is gone is lost, and so it is meant to be.
    if (child.process.connected) child.process.send(message, () => undefined)
  }

  #become(state: MemberState): void {
    this.#state = state
    this.#options.onChange()
  }
}
