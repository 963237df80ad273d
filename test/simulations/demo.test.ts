/** The demo as a user runs it: real processes, real crashes, on the text of this repository. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DemoResult } from '../../simulations/demo/result.ts'
import { inRepository } from '../support/repository.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'statemesh-test-'))
})

afterEach(() => rm(directory, { recursive: true, force: true }))

/** Starts the demo with its temporary directories in ours. */
function startDemo(...flags: string[]) {
  const main = inRepository('dist', 'simulations', 'demo', 'main.js')
  const child = spawn(process.execPath, [main, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: directory },
  })
  return {
    child,
    ended: Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]),
  }
}

describe('the demo', () => {
  it('loses nothing, and prints one JSON object', async () => {
    const [stdout, stderr, [code]] = await startDemo('--json').ended

    expect(stderr).toBe('')
    const result = JSON.parse(stdout) as DemoResult
    expect(result.checks.filter(({ passed }) => !passed)).toEqual([])
    expect(code).toBe(0)
    expect(result.ok).toBe(true)
    expect(result.agents.map(({ name }) => name)).toEqual(['ada', 'bela', 'cleo', 'dara'])
    expect(result.agents[1]?.faults).toEqual([expect.stringMatching(/^cut off/)])
    expect(result.agents[2]?.faults).toEqual([expect.stringMatching(/^killed/)])
    expect(result.relay.faults).toEqual([expect.stringMatching(/^killed/)])
    expect(result.totals.lost).toBe(0)
    // A section, its terms, its line and its note, at the least.
    expect(result.totals.survived).toBeGreaterThanOrEqual(result.text.sections * 4)
    expect(result.documents.identical).toBe(result.documents.compared)
    expect(result.index.links).toBeGreaterThan(0)
    expect(await readdir(directory)).toEqual([])
  })

  it('needs no relay, and takes one in that comes late', async () => {
    const [stdout, stderr, [code]] = await startDemo('--json', '--p2p').ended

    expect(stderr).toBe('')
    const result = JSON.parse(stdout) as DemoResult
    expect(result.checks.filter(({ passed }) => !passed)).toEqual([])
    expect(code).toBe(0)
    expect(result.agents[1]?.faults).toEqual([expect.stringMatching(/^cut off from everybody/)])
    expect(result.agents[2]?.faults).toEqual([expect.stringMatching(/^killed, and its disk lost/)])
    expect(result.relay.faults).toEqual([expect.stringMatching(/^joined after [1-9]/)])
    expect(result.totals.lost).toBe(0)
    expect(result.totals.survived).toBeGreaterThanOrEqual(result.text.sections * 4)
    expect(result.documents.identical).toBe(result.documents.compared)
    expect(await readdir(directory)).toEqual([])
  })

  it('ends at once and leaves nothing behind when it is interrupted', async () => {
    const { child, ended } = startDemo()
    child.stdout.once('data', () => child.kill('SIGINT'))
    const [, stderr, [code]] = await ended

    expect(stderr).toMatch(/interrupted by SIGINT/)
    expect(code).toBe(130)
    expect(await readdir(directory)).toEqual([])
  })
})
