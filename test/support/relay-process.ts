/**
 * A relay in a process of its own, as a user starts it, for tests and benchmarks that kill it.
 * The caller ends it; in a test: `onTestFinished(() => relay.kill('SIGKILL'))`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { inRepository } from './repository.ts'

export interface RelayProcessOptions {
  /** The directory of the relay's database. */
  data: string
  /** Default 0: any free one. */
  port?: number
  /** Further flags of `statemesh relay`. */
  flags?: readonly string[]
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface RelayProcess {
  /** `ws://` and the address it listens on. */
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Resolves when the process has ended, however it did. */
  readonly exited: Promise<Exit>
  /** Sends a signal, SIGTERM by default, and resolves when the process has ended. */
  kill(signal?: NodeJS.Signals): Promise<Exit>
  /** What it has written to stderr so far. */
  stderr(): string
}

/** One that has not begun to listen by then never will. */
const startMillisecondsMax = 60_000

/**
 * Starts a relay and resolves when it listens.
 *
 * @throws an error with what it wrote to stderr, when it ends or stays silent instead
 */
export async function startRelayProcess(options: RelayProcessOptions): Promise<RelayProcess> {
  const { data, port = 0, flags = [] } = options
  const main = inRepository('dist', 'server', 'cli', 'main.js')
  const child = spawn(
    process.execPath,
    [main, 'relay', '--port', String(port), '--data', data, ...flags],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const exited = new Promise<Exit>((resolve, reject) => {
    child.on('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  const kill = (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal)
    return exited
  }
  try {
    const url = await listeningUrl(child, child.stdout, exited)
    return {
      url,
      port: Number(new URL(url).port),
      pid: child.pid as number,
      exited,
      kill,
      stderr: () => stderr,
    }
  } catch (cause) {
    child.kill('SIGKILL')
    throw new Error(`the relay did not start; its stderr:\n${stderr}`, { cause })
  }
}

/** The address in the line that a relay prints when it is ready. */
async function listeningUrl(
  child: ChildProcess,
  stdout: Readable,
  exited: Promise<Exit>,
): Promise<string> {
  const timer = setTimeout(() => child.kill('SIGKILL'), startMillisecondsMax)
  try {
    for await (const line of createInterface({ input: stdout })) {
      const url = readListening(line)
      if (url !== undefined) return url
    }
    const { code, signal } = await exited
    throw new Error(`it ended with ${signal ?? `exit code ${code}`}`)
  } finally {
    clearTimeout(timer)
    // The interface has paused it, and a process whose output nobody takes comes to a halt.
    stdout.resume()
  }
}

function readListening(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined
  const event = JSON.parse(line) as { event?: unknown; url?: unknown }
  return event.event === 'listening' ? String(event.url) : undefined
}
