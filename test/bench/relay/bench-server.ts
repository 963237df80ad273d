/** The servers that are measured, each in a process of its own on a core of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { startRelayProcess } from '../../support/relay-process.ts'
import { type Dialect, plain, statemesh, stock } from './dialect.ts'
import { cpuSeconds, pin, residentBytes, serverCore } from './process-usage.ts'

export interface BenchServer {
  readonly url: string
  readonly pid: number
  cpuSeconds(): number
  residentBytes(): number
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** A server that can be started on an empty directory, and how its clients speak. */
export interface ServerKind {
  readonly name: string
  readonly dialect: Dialect
  start(directory: string): Promise<BenchServer>
}

/** Where our relay has its database. */
export function relayData(directory: string): string {
  return join(directory, 'relay')
}

async function startOurs(directory: string, flags: readonly string[] = []): Promise<BenchServer> {
  const relay = await startRelayProcess({ data: relayData(directory), flags })
  return benchServer(relay.url, relay.pid, async signal => void (await relay.kill(signal)))
}

/** Our relay, to its own clients and to unmodified y-websocket clients. */
export const ours: ServerKind = {
  ...{ name: 'statemesh', dialect: statemesh },
  start: directory => startOurs(directory),
}
export const oursStock: ServerKind = { ...ours, name: 'statemesh, stock', dialect: stock }

/** Which reads documents only when they are asked for. */
export const oursUnread: ServerKind = {
  ...{ name: 'statemesh, nothing read ahead', dialect: statemesh },
  start: directory => startOurs(directory, ['--read-ahead-documents-max', '0']),
}

export const plainWsScript: string = fileURLToPath(new URL('./plain-ws-server.js', import.meta.url))

/** `ws` alone: what is sent is sent on to everyone else, and nothing is kept. */
export const plainWs: ServerKind = {
  name: 'ws',
  dialect: plain,
  start: () => startScript(plainWsScript),
}

export interface ScriptOptions {
  /** Default: this Node. */
  node?: string
  cwd?: string
  args?: readonly string[]
}

/** Starts a script that prints `{"url":"ws://…"}` when it listens. */
export async function startScript(
  script: string,
  options: ScriptOptions = {},
): Promise<BenchServer> {
  const { node = process.execPath, cwd = process.cwd(), args = [] } = options
  const child = spawn(node, [script, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = `${stderr}${text}`.slice(-10_000)
  })
  const url = await printedUrl(child)
  if (url === undefined) throw new Error(`${script} did not start; its stderr:\n${stderr}`)
  return benchServer(url, child.pid as number, async signal => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'close')
  })
}

async function printedUrl(child: ChildProcess): Promise<string | undefined> {
  const { stdout } = child
  if (stdout === null) return undefined
  for await (const line of createInterface({ input: stdout })) {
    if (!line.startsWith('{"url"')) continue
    stdout.resume()
    return (JSON.parse(line) as { url: string }).url
  }
  return undefined
}

function benchServer(
  url: string,
  pid: number,
  stop: (signal: NodeJS.Signals) => Promise<void>,
): BenchServer {
  pin(pid, serverCore)
  return {
    url,
    pid,
    cpuSeconds: () => cpuSeconds(pid),
    residentBytes: () => residentBytes(pid),
    // The data of a benchmark is thrown away.
    stop: (signal = 'SIGKILL') => stop(signal),
  }
}
