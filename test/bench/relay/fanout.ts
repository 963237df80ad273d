/** One writer at full speed, many readers: updates per CPU second of the server. */
import { inDirectory } from '../directory.ts'
import { type BenchClient, connectClient } from './bench-client.ts'
import type { BenchServer, ServerKind } from './bench-server.ts'
import { NumberScanner, numberedUpdate } from './numbered-updates.ts'
import { loadCore, pin } from './process-usage.ts'
import { within } from './within.ts'

export interface FanoutOptions {
  readers: number
  updates: number
}

const document = 'room:fan-out/notes'
/** How far the writer runs ahead of the readers, so that no queue grows without bound. */
const leadMax = 5_000
/** The share of the updates that are sent before the measurement begins. */
const warmupShare = 0.1

export function measureFanout(kind: ServerKind, options: FanoutOptions): Promise<number> {
  pin(process.pid, loadCore)
  return inDirectory(async directory => {
    const server = await kind.start(directory)
    try {
      return await fanOut(server, kind, options)
    } finally {
      await server.stop()
    }
  })
}

async function fanOut(
  server: BenchServer,
  { dialect }: ServerKind,
  { readers: count, updates }: FanoutOptions,
): Promise<number> {
  const join = (): Promise<BenchClient> => connectClient({ url: server.url, dialect, document })
  const warmup = Math.floor(updates * warmupShare)
  const writer = await join()
  writer.onBytes(() => undefined)
  const readers: BenchClient[] = []
  for (let index = 0; index < count; index++) readers.push(await join())
  const run = new FanoutRun(writer, readers)
  try {
    await run.sendUpTo(warmup)
    const before = server.cpuSeconds()
    await run.sendUpTo(warmup + updates)
    return updates / (server.cpuSeconds() - before)
  } finally {
    for (const client of [writer, ...readers]) client.end()
  }
}

class FanoutRun {
  readonly #writer: BenchClient
  readonly #seen: number[]
  #sum = 0
  #sent = 0
  #goal = 0
  #reached: (() => void) | undefined

  constructor(writer: BenchClient, readers: readonly BenchClient[]) {
    this.#writer = writer
    this.#seen = readers.map(() => 0)
    for (const [index, reader] of readers.entries()) {
      const scanner = new NumberScanner()
      reader.onBytes(bytes => {
        scanner.scan(bytes)
        this.#onSeen(index, scanner.highest)
      })
    }
  }

  /** Resolves when every reader has the update with this number. */
  async sendUpTo(goal: number): Promise<void> {
    this.#goal = goal
    const reached = new Promise<void>(resolve => {
      this.#reached = resolve
    })
    const broken = this.#writer.closed.then(() => {
      throw new Error('the server has closed the writer')
    })
    this.#send()
    await within(40_000, 'the fan-out', Promise.race([reached, broken]))
  }

  #onSeen(reader: number, highest: number): void {
    this.#sum += highest - (this.#seen[reader] as number)
    this.#seen[reader] = highest
    if (this.#sum >= this.#goal * this.#seen.length && this.#seen.every(n => n >= this.#goal)) {
      this.#reached?.()
    }
    this.#send()
  }

  /** A socket of the system takes what is written here in pieces of some hundred messages. */
  #send(): void {
    const { dialect, document: name } = this.#writer
    const slowest = this.#sum / this.#seen.length
    const until = Math.min(this.#goal, Math.floor(slowest) + leadMax)
    if (
      this.#writer.waiting > 1_000_000 ||
      until - this.#sent < Math.min(100, this.#goal - this.#sent)
    )
      return
    const messages: Uint8Array[] = []
    for (; this.#sent < until; ) {
      this.#sent += 1
      messages.push(dialect.update(this.#sent, numberedUpdate(1, this.#sent), name))
    }
    if (messages.length > 0) this.#writer.send(messages)
  }
}
