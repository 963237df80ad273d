/** Where the repository is, seen from its sources as well as from their build in `dist`. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The absolute path of the repository. */
export const repositoryRoot: string = findRoot(dirname(fileURLToPath(import.meta.url)))

function findRoot(directory: string): string {
  if (existsSync(join(directory, 'package.json'))) return directory
  const parent = dirname(directory)
  if (parent === directory) throw new Error('no package.json in any containing directory')
  return findRoot(parent)
}

/** The absolute path of a file that the repository names by `path`. */
export function inRepository(...path: string[]): string {
  return join(repositoryRoot, ...path)
}
