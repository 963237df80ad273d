/**
 * `npm run bench -- [GROUP|GROUP/FIGURE...]`: prints one JSON line a figure, of all groups unless
 * some are named; `--list` prints the names of the figures instead. Each group runs in a process of its own,
 * so that none slows another down by what it leaves in memory.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { groupNames, loadBenchmarks } from './group.ts'

const listFlag = '--list'

async function main(words: readonly string[]): Promise<number> {
  const names = groupNames()
  const wanted = words.filter(word => word !== listFlag)
  const unknown = wanted.filter(word => !names.includes(word.split('/')[0] as string))
  if (unknown.length > 0) {
    process.stderr.write(`no such group: ${unknown.join(', ')}; there are: ${names.join(', ')}\n`)
    return 2
  }
  const chosen = wanted.length > 0 ? wanted : names
  return words.includes(listFlag) ? list(chosen) : runAll(chosen)
}

async function list(chosen: readonly string[]): Promise<number> {
  for (const word of chosen) {
    const { group, benchmarks } = await loadBenchmarks(word)
    for (const figure of benchmarks.flatMap(({ figures }) => Object.keys(figures))) {
      process.stdout.write(`${group}/${figure}\n`)
    }
  }
  return 0
}

async function runAll(chosen: readonly string[]): Promise<number> {
  let failed = 0
  for (const word of chosen) if (!(await runApart(word))) failed += 1
  return failed === 0 ? 0 : 1
}

async function runApart(word: string): Promise<boolean> {
  const script = fileURLToPath(new URL('./run-group.js', import.meta.url))
  const child = spawn(process.execPath, [...process.execArgv, script, word], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const [code, signal] = await once(child, 'close')
  if (signal !== null) process.stderr.write(`${word}: ended by ${signal}\n`)
  return code === 0
}

process.exitCode = await main(process.argv.slice(2))
