/**
 * The order of the test files: those that run for long begin first, so that no worker is left with
 * one of them while the others have nothing to do. Vitest learns that from earlier runs, which a
 * fresh clone has not had; it would take the largest files first, and the longest are small ones.
 */
import { existsSync } from 'node:fs'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { inRepository } from './repository.ts'

/** What took more than ten seconds, the longest first. */
const longest = [
  'test/simulations/demo.test.ts',
  'test/simulations/driver/main.test.ts',
  'test/server/process.test.ts',
  'test/readme.test.ts',
  'test/partition/budget-world.test.ts',
  'test/server/command-line.test.ts',
  'test/browser/storage-in-page.test.ts',
  'test/browser/replica-in-page.test.ts',
  'test/server/cli/cleanup.test.ts',
  'test/server/cli/data-commands.test.ts',
  'test/simulations/fleet/fleet.test.ts',
  'test/mesh/killed-peers.test.ts',
  'test/model/update-fuzz.test.ts',
].map(path => inRepository(path))

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const gone = longest.find(path => !existsSync(path))
    if (gone !== undefined)
      throw new Error(`there is no ${gone} any more: it was among the longest`)
    const others = await super.sort(files)
    const first = longest.flatMap(path => others.filter(({ moduleId }) => moduleId === path))
    return [...first, ...others.filter(file => !first.includes(file))]
  }
}
