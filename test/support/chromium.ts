/** Chromium for tests, without a head: found in the PATH, or where `CHROMIUM` says. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** The program; where there is none, that is said aloud, or an error where `CHROMIUM` names one. */
export function findChromium(): string | undefined {
  const { CHROMIUM } = process.env
  if (CHROMIUM !== undefined) {
    if (runs(CHROMIUM)) return CHROMIUM
    throw new Error(`CHROMIUM is ${CHROMIUM}, which does not run`)
  }
  const found = names.find(runs)
  if (found === undefined) process.stderr.write('no Chromium: the tests in a browser are skipped\n')
  return found
}

function runs(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0
}

export interface ChromiumOptions {
  program: string
  /** The directory of the user's data, of which pages see their own again. */
  profile: string
}

export interface Chromium {
  /** Where its tools for developers listen. */
  readonly devtoolsPort: number
  /** Kills all of its processes at once, and resolves when they are gone. */
  kill(): Promise<void>
}

/** A name that leads to this machine, but whose pages the browser does not take for secure ones. */
export const insecureHost = 'insecure.test'

// Nothing that looks for other servers, and no sandbox, since containers run as root.
const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--no-default-browser-check',
  '--remote-debugging-port=0',
  // It ends when these pipes close: with the process of the test, however that ends.
  '--remote-debugging-pipe',
  `--host-resolver-rules=MAP ${insecureHost} 127.0.0.1`,
]

const startMillisecondsMax = 60_000

/** Starts a browser without a page, and resolves when it can be given some; the caller kills it. */
export async function startChromium({ program, profile }: ChromiumOptions): Promise<Chromium> {
  const child = spawn(program, [...flags, `--user-data-dir=${profile}`], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    // A group of its own: it has processes for its pages, which are to be killed with it.
    detached: true,
    // What it leaves behind when it is killed goes with the profile.
    env: { ...process.env, TMPDIR: profile },
  })
  const closed = once(child, 'close')
  const { pid } = child
  if (pid === undefined) await closed // it rejects with the reason
  const kill = async () => {
    process.kill(-(pid as number), 'SIGKILL')
    await closed
  }
  const timer = setTimeout(kill, startMillisecondsMax)
  try {
    return { devtoolsPort: await devtoolsPort(child.stderr as Readable), kill }
  } finally {
    clearTimeout(timer)
  }
}

/** From the line that it writes when it is ready. */
async function devtoolsPort(stderr: Readable): Promise<number> {
  let said = ''
  try {
    for await (const line of createInterface({ input: stderr })) {
      const port = /^DevTools listening on ws:\/\/[^/]*:(\d+)\//.exec(line)?.[1]
      if (port !== undefined) return Number(port)
      said += `${line}\n`
    }
  } finally {
    // Else it would come to a halt when nobody takes what it has to say.
    stderr.resume()
  }
  throw new Error(`Chromium did not start:\n${said}`)
}
