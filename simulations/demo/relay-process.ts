/** The relay's process: the real command line, on a directory and a port that it keeps. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Child, describeExit, type Exit } from './child.ts'

export interface RelayProcessOptions {
  /** Where the build is. */
  dist: string
  /** The directory of its LevelDB. */
  directory: string
  /** Told when it ends without having been asked to. */
  onLost(error: Error): void
  /** Told what it logs, line by line. */
  onLog?(line: string): void
}

export interface RelayStart {
  /** Whether its directory comes from a backup. */
  restored?: boolean
}

export class RelayProcess {
  readonly #options: RelayProcessOptions
  #child: Child | undefined
  #port = 0
  #isUp = false
  #cleared = false

  constructor(options: RelayProcessOptions) {
    this.#options = options
  }

  get directory(): string {
    return this.#options.directory
  }

  /** The port of its first start; 0 before. */
  get port(): number {
    return this.#port
  }

  /** Whether it listens. */
  get isUp(): boolean {
    return this.#isUp
  }

  /**
   * Starts it on any free port, and later on the same one; resolves when it listens.
   *
   * @throws an error with its last words when it ends instead
   */
  async start({ restored = false }: RelayStart = {}): Promise<void> {
    const { dist, directory, onLost, onLog } = this.#options
    if (this.#cleared) throw new Error('no relay is started any more')
    const main = join(dist, 'server', 'cli', 'main.js')
    const flags = ['relay', '--port', String(this.#port), '--data', directory]
    if (restored) flags.push('--restored')
    const process = spawn(globalThis.process.execPath, [main, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const child: Child = new Child(process, exit => onLost(lost(exit, child)))
    this.#child = child
    if (onLog !== undefined) createInterface({ input: process.stderr }).on('line', onLog)
    this.#port = await listeningPort(child)
    this.#isUp = true
  }

  /** Ends it with a signal, and resolves when it has ended. */
  async end(signal: NodeJS.Signals): Promise<Exit | undefined> {
    this.#isUp = false
    return this.#child?.end(signal)
  }

  /** Sends it a signal that does not end it, such as SIGSTOP. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.process.kill(signal)
  }

  /** Makes sure that no process of it is left, and that none is started any more. */
  async clear(): Promise<void> {
    this.#cleared = true
    await this.end('SIGKILL')
  }
}

/** The port in the line that a relay prints when it is ready. */
async function listeningPort(child: Child): Promise<number> {
  const { stdout } = child.process
  if (stdout === null) throw new Error('the relay has no stdout')
  try {
    for await (const line of createInterface({ input: stdout })) {
      const { event, port } = JSON.parse(line) as { event?: unknown; port?: unknown }
      if (event === 'listening' && typeof port === 'number') return port
    }
  } finally {
    stdout.resume() // what nobody reads would bring it to a halt
  }
  throw lost(await child.exited, child)
}

function lost(exit: Exit, { lastWords }: Child): Error {
  return new Error(`the relay ended unasked with ${describeExit(exit)}\n${lastWords}`.trim())
}
