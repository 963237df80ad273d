/**
 * What hostile messages do to others: how long a paced writer in a room of its own waits for its
 * durable acks, while nobody else is there and while another process sends damaged messages.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, setPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { inDirectory } from '../directory.ts'
import { ours } from './bench-server.ts'
import { measureAcksAt, type PacedOptions } from './ingest.ts'
import { loadCore, pin } from './process-usage.ts'

export interface DisturbanceOptions extends PacedOptions {
  seed: number
}

export interface Disturbance {
  calm: { p50: number; p99: number }
  disturbed: { p50: number; p99: number }
  /** Damaged messages that were sent meanwhile. */
  messages: number
}

/** The fuzzer compiles its code first. */
const headStartMilliseconds = 2_000

export function measureDisturbance(options: DisturbanceOptions): Promise<Disturbance> {
  pin(process.pid, loadCore)
  return inDirectory(async directory => {
    const server = await ours.start(directory)
    try {
      const calm = await measureAcksAt(server.url, { ...options, clientID: 1 })
      const fuzzer = startFuzzer(server.url, options.seed)
      await sleep(headStartMilliseconds)
      const disturbed = await measureAcksAt(server.url, { ...options, clientID: 2 })
      return { calm, disturbed, messages: await sentBy(fuzzer) }
    } finally {
      await server.stop()
    }
  })
}

function startFuzzer(url: string, seed: number): ChildProcess {
  const script = fileURLToPath(new URL('./fuzzer.js', import.meta.url))
  const child = spawn(process.execPath, [script, url, String(seed)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  pin(child.pid as number, loadCore)
  // It shares its core with the bystander, whose clock must not wait for it.
  setPriority(child.pid as number, constants.priority.PRIORITY_LOW)
  return child
}

/** Ends the fuzzer; answers how many messages it has sent. @throws where it has failed */
async function sentBy(fuzzer: ChildProcess): Promise<number> {
  const ended = once(fuzzer, 'exit').then(([code]) => {
    throw new Error(`the fuzzer ended with ${code}`)
  })
  const told = once(fuzzer, 'message').then(([sent]) => sent as number)
  if (fuzzer.connected) fuzzer.send('stop')
  const sent = await Promise.race([told, ended])
  fuzzer.kill()
  await ended.catch(() => undefined)
  return sent
}
