/** The driver as users run it: its flags, what it says of a failure, and figures that add up. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readFigures } from '../../../simulations/driver/figures-file.ts'
import { parseOptions } from '../../../simulations/driver/options.ts'
import { runSimulator } from '../../support/run-simulator.ts'
import { testSeed } from '../../support/seed.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const small = ['--ops', '40', '--workers', '1']

describe('the simulator', () => {
  it('takes what to run, and compares two runs of each seed', async () => {
    const seed = String(testSeed() % 2 ** 31)
    const flags = ['--seed', seed, '--seeds', '2', '--profile', 'lossy', '--topology', 'peers']
    const directory = await temporaryDirectory()
    const { code, stdout, stderr } = await runSimulator(
      directory,
      ...flags,
      ...small,
      '--replicas',
      '3',
      '--check-determinism',
    )
    expect(stderr).not.toContain('FAILED')
    expect(stdout).toMatch(/^lossy +2 +80 /m)
    expect(stdout).toMatch(/^peers +2 +[\d.]+ s +[\d.]+ s$/m)
    expect(code).toBe(0)
  })

  it('tells the same story of a seed twice', async () => {
    const directory = await temporaryDirectory()
    const tell = () => runSimulator(directory, '--trace', '--profile', 'calm', '--seed', '7')
    const [first, second] = [await tell(), await tell()]
    expect(first.stdout).toMatch(/all is well\n\d+ events, trace [0-9a-f]{16}\n$/)
    expect(second.stdout).toBe(first.stdout)
  })

  it.each([
    ['--seeds', 'many'],
    ['--seed', '4294967296'],
    ['--seed'],
    ['--profile', 'stormy'],
    ['--replicas', '0'],
    ['--topology', 'ring'],
    ['--topology', 'peers', '--replicas', '1'],
    ['--colour'],
    ['more'],
  ])('refuses %s %s', (...flags) => {
    expect(() => parseOptions(flags, 1)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
  })

  it('ends with 2 and a code where a flag is wrong', async () => {
    const { code, stderr } = await runSimulator(await temporaryDirectory(), '--ops', '0')
    expect(stderr).toMatch(/^OPTION_INVALID: .*--ops/)
    expect(code).toBe(2)
  })
})

describe('the canary', () => {
  it('fails, is made small, and is replayed by the next run', async () => {
    const directory = await temporaryDirectory()
    const flags = ['--canary', '--profile', 'crashing', '--workers', '1', '--ops', '150']
    const { code, stdout, stderr } = await runSimulator(directory, ...flags, '--seeds', '12')
    expect(code).toBe(1)
    expect(stderr).toMatch(/^FAILED {2}--profile crashing --seed \d+ --ops 150 --canary: no acked/m)
    expect(stdout).toContain('--trace --profile crashing')
    const [regression = '', trace = ''] = await readdir(join(directory, 'simulation-failures'))
    expect([regression, trace]).toEqual([
      expect.stringMatching(/^crashing-\d+\.json$/),
      expect.stringMatching(/^crashing-\d+\.trace$/),
    ])
    const story = await readFile(join(directory, 'simulation-failures', trace), 'utf8')
    expect(story).toContain('no acked write lost')

    const again = await runSimulator(directory, ...flags, '--seeds', '1')
    expect(again.stderr).toContain('FAILED AGAIN')
    expect(again.code).toBe(1)
  })
})

describe('figures', () => {
  it('add up over invocations, which leave out what was run, and make a report', async () => {
    const directory = await temporaryDirectory()
    const run = (...flags: string[]) =>
      runSimulator(directory, '--profile', 'crashing', ...small, ...flags)
    await run('--seeds', '2', '--into', 'a.json')
    const { stderr } = await run('--seeds', '4', '--into', 'a.json')
    expect(stderr).not.toContain('FAILED')
    await run('--seeds', '1', '--seed', '50', '--into', 'b.json')
    const { crashing } = readFigures(join(directory, 'a.json')).profiles
    expect(crashing?.seeds).toBe(4)
    expect(crashing?.survived).toBe(crashing?.acked)

    const flags = ['--seeds', '0', '--from', 'a.json', 'b.json', '--report', 'page.md']
    const { code } = await runSimulator(directory, ...flags)
    expect(code).toBe(0)
    const page = await readFile(join(directory, 'page.md'), 'utf8')
    expect(page).toContain('5 seeds, 200 operations')
    expect(page).toMatch(/^\| crashing \| 5 \| 200 \|/m)
    expect(page).toContain('(page.svg)')
    expect(page).toMatch(/^\| (?:relay|mesh|bridge|peers) \| \d \| [\d.]+ s \|/m)
    const plot = await readFile(join(directory, 'page.svg'), 'utf8')
    expect(plot).toMatch(/^<svg [\s\S]*crashing[\s\S]*<\/svg>\n$/)
  })
})
