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

/** The benchmarks of a group, which `groupNames` has named. */
export async function loadGroup(name: string): Promise<readonly Benchmark[]> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const module = (await import(new URL(`${name}.${extension}`, folder).href)) as {
    benchmarks?: readonly Benchmark[]
  }
  if (module.benchmarks === undefined) throw new Error(`groups/${name}.ts exports no benchmarks`)
  return module.benchmarks
}
