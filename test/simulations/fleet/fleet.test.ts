/** A fleet of real processes, as users run it: short, and with a fault that must be found. */
import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { readFigures } from '../../../simulations/driver/figures-file.ts'
import { runSimulator } from '../../support/run-simulator.ts'
import { testSeed } from '../../support/seed.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

describe('a fleet of processes', () => {
  it('keeps what it acknowledged, and ends in step', async () => {
    const directory = await temporaryDirectory()
    const seed = String(testSeed())
    const flags = ['--fleet', '--seconds', '3', '--replicas', '3', '--seed', seed]
    const { code, stdout, stderr } = await runSimulator(directory, ...flags, '--into', 'f.json')
    expect(stderr).not.toContain('FAILED')
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`^${seed} +3 `, 'm'))
    const [fleet] = readFigures(join(directory, 'f.json')).fleets
    expect(fleet?.operations).toBeGreaterThan(10)
    expect(fleet?.acked).toBeGreaterThan(0)
    expect(fleet?.survived).toBe(fleet?.acked)
    expect(fleet?.convergence).toHaveLength(fleet?.rounds ?? 0)
  })

  it('is found out where the relay loses its disk', async () => {
    const directory = await temporaryDirectory()
    const flags = ['--fleet', '--canary', '--seconds', '3', '--replicas', '2']
    const { code, stdout, stderr } = await runSimulator(directory, ...flags)
    const kept = stdout.match(/kept in (\S+)/)?.[1] ?? ''
    onTestFinished(() => rm(kept, { recursive: true, force: true }))
    expect(stderr).toContain('no acked write lost: emptied, the disk of the relay lost')
    expect(code).toBe(1)
    expect(existsSync(join(kept, 'r1'))).toBe(true)
    expect(await readFile(join(kept, 'history.jsonl'), 'utf8')).toContain('"kind":"flushed"')
  })
})
