/** What a user's compiler reads of other packages: in a page there are no types of Node. */
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { expect, test } from 'vitest'
import { inRepository } from '../support/repository.ts'

const specifier = /(?:from|import\()\s*['"]([^'"]+)['"]/g

/** The packages that the types of a file name, and those of all that it imports. */
function packagesOf(file: string, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>()
  if (seen.has(file)) return packages
  seen.add(file)
  for (const [, name = ''] of readFileSync(inRepository(file), 'utf8').matchAll(specifier)) {
    if (!name.startsWith('.')) packages.add(name)
    else {
      const next = posix.join(posix.dirname(file), name).replace(/\.ts$/, '.d.ts')
      for (const found of packagesOf(next, seen)) packages.add(found)
    }
  }
  return packages
}

test('the types of the library need none of Node', () => {
  const packages = [...packagesOf('dist/src/index.d.ts')]
  expect(packages).toContain('yjs')
  // Those whose own types name some of Node.
  expect(packages.filter(name => /^(?:node:|level$|ws$|redis$|pino$)/.test(name))).toEqual([])
})
