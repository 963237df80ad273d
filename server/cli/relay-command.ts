/** `statemesh relay`: a relay on LevelDB, until SIGTERM or SIGINT. */
import { type Command, InvalidArgumentError } from 'commander'
import { toStatemeshError } from '../../src/base/error.ts'
import { systemTime } from '../../src/base/time.ts'
import { withCompaction } from '../../src/storage/compaction.ts'
import { openLevelStorage } from '../../src/storage/level-storage.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { listen, type RelayServer } from '../http-server.ts'
import { MergeThread } from '../merge-thread.ts'
import { createRelay } from '../relay.ts'
import { log } from './log.ts'

interface RelayFlags {
  port: number
  host: string
  data: string
}

export function addRelayCommand(program: Command): void {
  program
    .command('relay')
    .description('start a relay; it prints one JSON line on stdout when it is ready')
    .option('--port <number>', 'the port to listen on, 0 for any free one', parsePort, 4100)
    .option('--host <address>', 'the address to listen on', '127.0.0.1')
    .option('--data <directory>', 'where its database is', './relay-data')
    .action(runRelay)
}

function parsePort(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw new InvalidArgumentError('a port is a number from 0 to 65535.')
}

async function runRelay(flags: RelayFlags): Promise<void> {
  try {
    const merger = new MergeThread()
    const storage = await openStorage(flags.data, merger)
    const server = await start(storage, flags).catch(async error => {
      await storage.close()
      throw error
    })
    const { url, port } = server
    process.stdout.write(`${JSON.stringify({ event: 'listening', url, port, pid: process.pid })}\n`)
    stopOnSignal(() => stop(server, storage))
  } catch (thrown) {
    fail('start-failed', thrown)
  }
}

async function openStorage(location: string, merger: MergeThread): Promise<Storage> {
  return withCompaction(await openLevelStorage({ location }), {
    time: systemTime,
    mergeLog: updates => merger.merge(updates),
    onCompacted: report => log({ level: 'info', event: 'compacted', ...report }),
    onDamaged: damaged => {
      for (const record of damaged) log({ level: 'error', event: 'damaged', ...record })
    },
    onError: ({ code, message }, document) =>
      log({ level: 'error', event: 'compaction-failed', document, code, message }),
  })
}

async function start(storage: Storage, { host, port }: RelayFlags): Promise<RelayServer> {
  const relay = await createRelay({ storage, onEvent: event => log({ ...event }) })
  try {
    return await listen(relay, { host, port })
  } catch (error) {
    await relay.close()
    throw error
  }
}

async function stop(server: RelayServer, storage: Storage): Promise<void> {
  await server.close()
  await storage.close()
}

function stopOnSignal(end: () => Promise<void>): void {
  let stopping = false
  const onSignal = (signal: NodeJS.Signals) => {
    log({ level: 'info', event: 'signal', signal })
    // Whoever asks twice does not want to wait.
    if (stopping) process.exit(1)
    stopping = true
    end().then(
      () => process.exit(0),
      thrown => fail('stop-failed', thrown),
    )
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}

function fail(event: string, thrown: unknown): void {
  const { code, message } = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
  log({ level: 'error', event, code, message })
  process.exit(1)
}
