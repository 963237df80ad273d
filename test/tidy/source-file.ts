/** The source files of the repository, as the rules of this folder look at them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { inRepository } from '../support/repository.ts'
import { codeOnly, type Import, readImports } from './source-text.ts'

export interface SourceFile {
  /** From the repository's root, with forward slashes. */
  readonly path: string
  readonly text: string
  /** The text without what is in comments and strings. */
  readonly code: string
  readonly imports: readonly Import[]
}

export const folders = ['src', 'server', 'simulations', 'test'] as const

/** A source file from its text; rules are tried on such ones, too. */
export function sourceFile(path: string, text: string): SourceFile {
  const code = codeOnly(text)
  return { path, text, code, imports: readImports(text, code) }
}

/** All TypeScript files. */
export function readSources(): SourceFile[] {
  return folders
    .flatMap(filesUnder)
    .filter(path => path.endsWith('.ts'))
    .map(path => sourceFile(path, readFileSync(inRepository(path), 'utf8')))
}

/** The paths of the files in a folder and the folders in it. */
export function filesUnder(folder: string): string[] {
  if (!existsSync(inRepository(folder))) return []
  return readdirSync(inRepository(folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => `${entry.parentPath}/${entry.name}`.slice(inRepository().length + 1))
    .map(path => path.replaceAll('\\', '/'))
    .sort()
}

/** The repository path that a relative import means; undefined for a package. */
export function importedPath(file: SourceFile, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  return posix.join(posix.dirname(file.path), specifier)
}
