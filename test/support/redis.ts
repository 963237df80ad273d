/** Redis servers for tests: the one that runs (`REDIS_URL`), and some of a test's own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createClient } from 'redis'
import { onTestFinished } from 'vitest'
import { steadyPort } from './steady-port.ts'
import { waitUntil } from './wait-until.ts'

export const redisUrl: string = process.env.REDIS_URL ?? 'redis://localhost:6379'

/** Whether a server answers; where none does, that is said aloud. */
export async function redisAnswers(url: string = redisUrl): Promise<boolean> {
  const client = createClient({ url, socket: { reconnectStrategy: false, connectTimeout: 10_000 } })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.close()
    return true
  } catch {
    if (url === redisUrl) process.stderr.write(`no Redis at ${url}: its tests are skipped\n`)
    return false
  }
}

/** A prefix of the running test's own; what has it is removed when the test ends. */
export function redisPrefix(): string {
  const prefix = `statemesh-test:${randomUUID()}`
  onTestFinished(() => removePrefix(prefix))
  return prefix
}

export async function removePrefix(prefix: string): Promise<void> {
  const client = createClient({ url: redisUrl })
  await client.connect()
  for await (const keys of client.scanIterator({ MATCH: `${prefix}*`, COUNT: 1000 })) {
    if (keys.length > 0) await client.del(keys)
  }
  await client.close()
}

/** Whether the program is installed; where it is not, that is said aloud. */
export function redisServerInstalled(): boolean {
  const installed = spawnSync('redis-server', ['--version']).status === 0
  if (!installed) process.stderr.write('no redis-server: the tests that kill one are skipped\n')
  return installed
}

export interface RedisProcess {
  readonly url: string
  /** Kills it and resolves when it is gone. */
  kill(): Promise<void>
  /** Starts it again on the same port, empty. */
  start(): Promise<void>
  /** Stops it in its tracks, or lets it go on: connections stay, nothing answers. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
}

/** A server of the running test's own, without a disk, killed when the test ends. */
export async function startRedis(): Promise<RedisProcess> {
  const port = await steadyPort()
  const url = `redis://127.0.0.1:${port}`
  let child: ChildProcess | undefined
  const start = async () => {
    child = spawn(
      'redis-server',
      ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
      { stdio: 'ignore' },
    )
    await waitUntil(() => redisAnswers(url), { interval: 20 })
  }
  const kill = async () => {
    const ended = child
    child = undefined
    if (ended === undefined) return
    const exited = once(ended, 'exit')
    ended.kill('SIGKILL')
    await exited
  }
  onTestFinished(kill)
  await start()
  return { url, kill, start, signal: signal => void child?.kill(signal) }
}
