/**
 * `npm run bench -- [GROUP...]`: prints one JSON line a figure, of all groups unless some are
 * named; `--list` prints the names of the figures instead. Each group runs in a process of its own,
 * so that none slows another down by what it leaves in memory.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { groupNames, loadGroup } from './group.ts'

const listFlag = '--list'

async function main(words: readonly string[]): Promise<number> {
  const names = groupNames()
  const wanted = words.filter(word => word !== listFlag)
  const unknown = wanted.filter(word => !names.includes(word))
  if (unknown.length > 0) {
    process.stderr.write(`no such group: ${unknown.join(', ')}; there are: ${names.join(', ')}\n`)
    return 2
  }
  const chosen = wanted.length > 0 ? wanted : names
  return words.includes(listFlag) ? list(chosen) : runAll(chosen)
}

async function list(groups: readonly string[]): Promise<number> {
  for (const group of groups) {
    const benchmarks = await loadGroup(group)
    for (const figure of benchmarks.flatMap(({ figures }) => Object.keys(figures))) {
      process.stdout.write(`${group}/${figure}\n`)
    }
  }
  return 0
}

async function runAll(groups: readonly string[]): Promise<number> {
  let failed = 0
  for (const group of groups) if (!(await runApart(group))) failed += 1
  return failed === 0 ? 0 : 1
}

async function runApart(group: string): Promise<boolean> {
  const script = fileURLToPath(new URL('./run-group.js', import.meta.url))
  const child = spawn(process.execPath, [...process.execArgv, script, group], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const [code, signal] = await once(child, 'close')
  if (signal !== null) process.stderr.write(`${group}: ended by ${signal}\n`)
  return code === 0
}

process.exitCode = await main(process.argv.slice(2))
