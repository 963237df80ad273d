/** Who imports whom: no cycles, one direction, and only what users also get. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { inRepository } from '../support/repository.ts'
import * as rules from './import-rules.ts'
import { readSources, type SourceFile, sourceFile } from './source-file.ts'

const sources = readSources()
const manifest = JSON.parse(readFileSync(inRepository('package.json'), 'utf8'))
const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })

/** A file that imports each of the given modules. */
function importer(path: string, ...specifiers: string[]): SourceFile {
  return sourceFile(path, specifiers.map(name => `import { a } from '${name}'\n`).join(''))
}

describe('the folders', () => {
  test('import in one direction: src <- server <- simulations <- test', () => {
    expect(rules.folderDirectionComplaints(sources)).toEqual([])
  })

  test.each([
    ['src/model/a.ts', '../../server/relay.ts'],
    ['src/model/a.ts', '../../test/support/build.ts'],
    ['server/relay.ts', '../simulations/world.ts'],
    ['server/relay.ts', '../test/support/build.ts'],
    ['simulations/world.ts', '../test/support/build.ts'],
    ['src/replica.ts', '../package.json'],
  ])('are told when %s imports %s', (path, specifier) => {
    expect(rules.folderDirectionComplaints([importer(path, specifier)])).toHaveLength(1)
  })

  test('may import downwards', () => {
    const simulation = importer('simulations/world.ts', '../server/relay.ts', '../src/index.ts')
    expect(rules.folderDirectionComplaints([simulation])).toEqual([])
  })
})

describe('the areas of src', () => {
  test('import in one direction', () => {
    expect(rules.areaDirectionComplaints(sources)).toEqual([])
  })

  test.each([
    ['src/base/a.ts', '../model/b.ts', 'upwards'],
    ['src/storage/a.ts', '../document/b.ts', 'upwards'],
    ['src/storage/a.ts', '../protocol/b.ts', 'sideways'],
    ['src/clock/a.ts', '../model/b.ts', 'sideways'],
    ['src/sync/a.ts', '../replica.ts', 'the composition root'],
    ['src/replica.ts', './index.ts', 'the public surface'],
    ['src/base/a.ts', '../index.ts', 'the public surface'],
  ])('are told when %s imports %s (%s)', (path, specifier) => {
    expect(rules.areaDirectionComplaints([importer(path, specifier)])).toHaveLength(1)
  })

  test('are told of a file that is in none of them', () => {
    expect(rules.areaDirectionComplaints([importer('src/helpers/a.ts')])).toHaveLength(1)
    expect(rules.areaDirectionComplaints([importer('src/helpers.ts')])).toHaveLength(1)
  })

  test('may import downwards and themselves', () => {
    const files = [
      importer('src/sync/a.ts', './b.ts', '../document/c.ts', '../base/d.ts'),
      importer('src/index.ts', './replica.ts', './model/scope.ts'),
    ]
    expect(rules.areaDirectionComplaints(files)).toEqual([])
  })
})

describe('imports', () => {
  test('form no cycle', () => {
    expect(rules.cycleComplaints(sources)).toEqual([])
  })

  test('that form a cycle are told, with the way around', () => {
    const files = [
      importer('src/a/start.ts', './one.ts'),
      importer('src/a/one.ts', '../b/two.ts'),
      sourceFile('src/b/two.ts', "export type { One } from '../a/one.ts'"),
    ]
    expect(rules.cycleComplaints(files)).toEqual(['src/a/one.ts -> src/b/two.ts -> src/a/one.ts'])
    expect(rules.cycleComplaints([importer('src/self.ts', './self.ts')])).toHaveLength(1)
  })

  test('that meet again are no cycle', () => {
    const files = [
      importer('src/a.ts', './b.ts', './c.ts'),
      importer('src/b.ts', './d.ts'),
      importer('src/c.ts', './d.ts'),
      importer('src/d.ts'),
    ]
    expect(rules.cycleComplaints(files)).toEqual([])
  })
})

describe('packages', () => {
  test('of Node are not imported by src', () => {
    expect(rules.nodeModuleComplaints(sources)).toEqual([])
    const bad = importer('src/storage/a.ts', 'node:fs', 'fs/promises', 'level')
    expect(rules.nodeModuleComplaints([bad])).toHaveLength(2)
    expect(rules.nodeModuleComplaints([importer('server/a.ts', 'node:fs')])).toEqual([])
  })

  test('that src and server import are declared', () => {
    expect(rules.undeclaredPackageComplaints(sources, declared)).toEqual([])
    const bad = importer('server/a.ts', 'vitest', '@scope/name/part', 'ws', 'node:http')
    expect(rules.undeclaredPackageComplaints([bad], ['ws'])).toEqual([
      'server/a.ts:1: vitest is neither a dependency nor a peer dependency',
      'server/a.ts:2: @scope/name is neither a dependency nor a peer dependency',
    ])
  })

  test('that hold the clock or randomness themselves are imported nowhere', () => {
    expect(rules.ambientPackageComplaints(sources)).toEqual([])
    const bad = importer('src/base/a.ts', 'lib0/time', 'lib0/random', 'lib0/encoding')
    expect(rules.ambientPackageComplaints([bad])).toHaveLength(2)
  })
})
