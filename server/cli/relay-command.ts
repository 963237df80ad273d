/** `statemesh relay`: a relay on LevelDB, until SIGTERM or SIGINT. */
import type { Command } from 'commander'
import { StatemeshError, toStatemeshError } from '../../src/base/error.ts'
import { systemMemory } from '../../src/base/memory.ts'
import { systemTime } from '../../src/base/time.ts'
import { openLevelStorage } from '../../src/storage/level-storage.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { refuseOpenHost } from '../../src/transport/listen-rules.ts'
import { type TokenVerifier, tokenVerifier } from '../../src/trust/token.ts'
import { configOptions, type RelayConfig, readConfig } from '../config.ts'
import { listen, type RelayServer } from '../http-server.ts'
import { RelayMetrics } from '../metrics.ts'
import { createRelay } from '../relay.ts'
import { giveMemoryBack } from './idle-memory.ts'
import { log, setLogLevel } from './log.ts'
import { readText, readTokenKeys } from './token-keys.ts'

type RelayFlags = { config?: string } & Record<string, string | boolean>

export function addRelayCommand(program: Command): void {
  const command = program
    .command('relay')
    .description('start a relay; it prints one JSON line on stdout when it is ready')
    .option('--config <file>', 'settings as a JSON object; flags and STATEMESH_... win over it')
  for (const { name, flag, default: value, what, isSwitch } of configOptions) {
    if (name === 'tokenSecret') continue // others on the machine can read the command line
    const shown = value === undefined ? what : `${what} (${value})`
    command.option(isSwitch ? flag : `${flag} <value>`, shown)
  }
  command.action(runRelay)
}

async function runRelay(flags: RelayFlags): Promise<void> {
  try {
    const config = await configOf(flags)
    setLogLevel(config.logLevel)
    const tokens = await tokensOf(config)
    // Before anything is made on the disk.
    refuseOpenHost(config.host, { asksForTokens: tokens !== undefined, insecure: config.insecure })
    const metrics = new RelayMetrics()
    const storage = await openLevelStorage({ location: config.data })
    const server = await start(storage, { config, tokens, metrics }).catch(async error => {
      await storage.close()
      throw error
    })
    metrics.watchLag(systemTime)
    giveMemoryBack(systemTime, systemMemory)
    const { url, port } = server
    process.stdout.write(`${JSON.stringify({ event: 'listening', url, port, pid: process.pid })}\n`)
    stopOnSignal(() => stop(server, storage))
  } catch (thrown) {
    fail('start-failed', thrown)
  }
}

async function configOf({ config: path, ...flags }: RelayFlags): Promise<RelayConfig> {
  const { env: environment } = process
  if (path === undefined) return readConfig({ flags, environment })
  const text = await readText(path)
  try {
    return readConfig({ flags, environment, file: JSON.parse(text) })
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown
    throw new StatemeshError('OPTION_INVALID', `${path} is no JSON`, { cause: thrown })
  }
}

async function tokensOf(config: RelayConfig): Promise<TokenVerifier | undefined> {
  const keys = await readTokenKeys(config)
  const { tokenIssuer: issuer, tokenAudience: audience } = config
  return keys && tokenVerifier(keys, { issuer, audience })
}

interface StartOptions {
  config: RelayConfig
  tokens: TokenVerifier | undefined
  metrics: RelayMetrics
}

async function start(
  storage: Storage,
  { config, tokens, metrics }: StartOptions,
): Promise<RelayServer> {
  const { host, port, restored, forward, insecure, discovery } = config
  const { origins, addressHeader, limits, thresholds } = config
  const relay = await createRelay({
    storage,
    ...{ restored, forward, discovery },
    limits,
    meter: metrics,
    ...(tokens && { tokens }),
    ...(thresholds && { thresholds }),
    onEvent: event => log({ ...event }),
  })
  try {
    return await listen(relay, {
      ...{ host, port, insecure, metrics },
      ...(origins && { origins }),
      ...(addressHeader !== undefined && { addressHeader }),
    })
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
