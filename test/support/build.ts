/**
 * Builds `dist` before the tests, for those that start processes, unless it is newer than every
 * source (as it is under `npm test`, which has just built it).
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { inRepository } from './repository.ts'

const sourceFolders = ['src', 'server', 'simulations', 'test']

export default function setup(): void {
  if (!isStale()) return
  const tsc = inRepository('node_modules', 'typescript', 'bin', 'tsc')
  const { status } = spawnSync(process.execPath, [tsc, '--project', inRepository()], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  // Code with type errors is built all the same, so that one area's tests can run while another
  // area is being changed; `npm run check` is what refuses it.
  if (status !== 0) process.stderr.write('the build has type errors, see above\n')
}

function isStale(): boolean {
  const settings = Math.max(modified('tsconfig.json'), modified('package.json'))
  return sourceFolders
    .flatMap(typescriptFiles)
    .some(path => modified(builtPath(path)) < Math.max(modified(path), settings))
}

function typescriptFiles(folder: string): string[] {
  if (!existsSync(inRepository(folder))) return []
  return readdirSync(inRepository(folder), { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .map(path => `${folder}/${path}`)
}

function builtPath(path: string): string {
  return `dist/${path.replace(/\.ts$/, '.js')}`
}

/** When a file was last written, in milliseconds since the epoch; 0 for one that is not there. */
function modified(path: string): number {
  return statSync(inRepository(path), { throwIfNoEntry: false })?.mtimeMs ?? 0
}
