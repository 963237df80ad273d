/** The arithmetic of the benchmarks, and what is printed. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { inRepository } from '../support/repository.ts'
import { duration, rate, Skip } from './figure.ts'
import { groupNames, loadGroup } from './group.ts'
import { measure } from './measure.ts'

test('a figure is the median of the counted runs, with their range', async () => {
  const samples = [1000, 5, 1, 9, 2]
  const results = await measure('group', {
    figures: { size: 'bytes' },
    runs: 4,
    warmups: 1,
    run: () => ({ size: samples.shift() as number }),
  })
  expect(results).toEqual([
    { name: 'group/size', value: 3.5, unit: 'bytes', runs: 4, min: 1, max: 9 },
  ])
})

test('a figure with a baseline says the ratio', async () => {
  const [fast, lost] = await measure('group', {
    figures: { fast: 'ops/s', lost: 'updates' },
    run: async () => ({ fast: { value: 30, baseline: 12 }, lost: 0 }),
  })
  expect(fast).toMatchObject({ value: 30, baseline: 12, ratio: 2.5 })
  expect(lost).not.toHaveProperty('baseline')
})

test('a figure beside peers says what each did, and the ratio', async () => {
  const [fast] = await measure('group', {
    figures: { fast: 'ops/s' },
    run: () => ({ fast: { value: 30, peers: { slow: 3, slower: 2 } } }),
  })
  expect(fast?.peers).toEqual({ slow: { value: 3, ratio: 10 }, slower: { value: 2, ratio: 15 } })
  expect(fast).not.toHaveProperty('baseline')
})

test('a run that leaves a figure out fails', async () => {
  const benchmark = { figures: { size: 'bytes' }, run: () => ({}) }
  await expect(measure('group', benchmark)).rejects.toThrow('group/size')
})

test('a benchmark that cannot run here skips', async () => {
  const run = () => {
    throw new Skip('no data')
  }
  await expect(measure('group', { figures: { size: 'bytes' }, run })).rejects.toThrow(Skip)
})

test('rates and durations measure', async () => {
  const [often] = await measure('group', rate('often', 'ops/s', 1_000, Math.sqrt))
  expect(often?.value).toBeGreaterThan(0)
  const [long] = await measure(
    'group',
    duration('long', () => Promise.resolve()),
  )
  expect(long?.value).toBeGreaterThanOrEqual(0)
})

test('every group loads, and no two figures share a name', async () => {
  for (const group of groupNames()) {
    const figures = (await loadGroup(group)).flatMap(({ figures }) => Object.keys(figures))
    expect(figures.length).toBeGreaterThan(0)
    expect(new Set(figures).size).toBe(figures.length)
  }
})

const bench = (...words: string[]) =>
  promisify(execFile)(process.execPath, [inRepository('dist/test/bench/main.js'), ...words])

test('the command lists the figures of a group', async () => {
  const { stdout } = await bench('--list', 'protocol')
  expect(stdout).toBe('protocol/encode\nprotocol/decode\n')
})

test('the command prints one JSON line a figure', async () => {
  const { stdout } = await bench('protocol')
  const results = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(results).toEqual([
    expect.objectContaining({ name: 'protocol/encode', unit: 'frames/s' }),
    expect.objectContaining({ name: 'protocol/decode', unit: 'frames/s' }),
  ])
})

test('the command refuses a group that there is not', async () => {
  await expect(bench('nonsense')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no such group: nonsense'),
  })
})
