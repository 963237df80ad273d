/** Finds and loads the groups of benchmarks. */
import { readdirSync } from 'node:fs'
import type { Benchmark } from './figure.ts'

const folder = new URL('./groups/', import.meta.url)

/** The names of all groups: the files in `groups`. */
export function groupNames(): string[] {
  return readdirSync(folder)
    .map(file => file.match(/^([\w-]+)\.[jt]s$/)?.[1])
    .filter(name => name !== undefined)
    .sort()
}

/**
 * The benchmarks that a word names: a group, or `GROUP/FIGURE` for the one that measures a figure.
 *
 * @throws an error where the group has no such figure
 */
export async function loadBenchmarks(
  word: string,
): Promise<{ group: string; benchmarks: readonly Benchmark[] }> {
  const [group = '', figure] = word.split('/')
  const benchmarks = await loadGroup(group)
  if (figure === undefined) return { group, benchmarks }
  const one = benchmarks.filter(({ figures }) => figure in figures)
  if (one.length === 0) throw new Error(`no such figure: ${word}`)
  return { group, benchmarks: one }
}

/** The benchmarks of a group, which `groupNames` has named. */
export async function loadGroup(name: string): Promise<readonly Benchmark[]> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const module = (await import(new URL(`${name}.${extension}`, folder).href)) as {
    benchmarks?: readonly Benchmark[]
  }
  if (module.benchmarks === undefined) throw new Error(`groups/${name}.ts exports no benchmarks`)
  return module.benchmarks
}
