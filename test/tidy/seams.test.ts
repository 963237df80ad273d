/** Time, randomness, the environment and the console are touched in one place each. */
import { describe, expect, test } from 'vitest'
import { type SeamName, seamComplaints, seamRules } from './seam-rules.ts'
import { readSources, sourceFile } from './source-file.ts'

const sources = readSources()

function complaints(name: SeamName, path: string, text: string): string[] {
  return seamComplaints(name, [sourceFile(path, text)])
}

test.each(Object.keys(seamRules) as SeamName[])('the seam holds: %s', name => {
  expect(seamComplaints(name, sources)).toEqual([])
})

describe('a seam is told of', () => {
  test.each<[SeamName, string, string]>([
    ['clock', 'src/sync/a.ts', 'Date.now()'],
    ['clock', 'src/sync/a.ts', 'new Date()'],
    ['clock', 'src/sync/a.ts', 'new Date'],
    ['clock', 'server/a.ts', 'const { now } = { now: Date.now }'],
    ['clock', 'server/cli/a.ts', 'globalThis.performance.now()'],
    ['clock', 'simulations/a.ts', 'process.hrtime.bigint()'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: code inside a template is what is tried
    ['clock', 'src/a.ts', '`at ${Date.now()}`'],
    ['timers', 'src/sync/a.ts', 'setTimeout(f, 1)'],
    ['timers', 'src/sync/a.ts', 'globalThis.setInterval(f, 1)'],
    ['timers', 'server/a.ts', "import { setTimeout as sleep } from 'node:timers/promises'"],
    ['timers', 'server/a.ts', 'AbortSignal.timeout(5)'],
    ['timers', 'simulations/a.ts', 'setImmediate(f)'],
    ['randomness', 'src/a.ts', 'Math.random()'],
    ['randomness', 'server/a.ts', 'crypto.randomUUID()'],
    ['randomness', 'simulations/a.ts', "import { randomBytes } from 'node:crypto'"],
    ['randomness', 'src/base/time.ts', 'globalThis.crypto.getRandomValues(pool)'],
    ['memory', 'server/a.ts', 'process.memoryUsage()'],
    ['memory', 'src/observe/a.ts', 'globalThis.process?.memoryUsage?.()'],
    ['environment', 'server/relay.ts', 'process.env.PORT'],
    ['environment', 'src/replica.ts', 'globalThis.process.argv'],
    ['console', 'server/relay.ts', 'console.log(1)'],
    ['console', 'server/relay.ts', 'process.stderr.write(x)'],
    ['console', 'src/a.ts', 'promise.catch(console.error)'],
    ['nodeGlobals', 'src/a.ts', 'process.memoryUsage()'],
    ['nodeGlobals', 'src/a.ts', "Buffer.from('a')"],
    ['hiddenImports', 'src/a.ts', 'await import(name)'],
    ['hiddenImports', 'src/a.ts', 'await import(`./a.ts`)'],
  ])('%s in %s: %s', (name, path, text) => {
    expect(complaints(name, path, `before()\n${text}`)).toHaveLength(1)
  })

  test('the environment in a simulation that others import', () => {
    const world = sourceFile('simulations/world.ts', 'process.env.SEED')
    const main = sourceFile('simulations/main.ts', "import './world.ts'\nprocess.argv")
    expect(seamComplaints('simulationEnvironment', [world, main])).toEqual([
      'simulations/world.ts:1: reads the environment or the command line and is not an entry point: process.env',
    ])
  })
})

describe('a seam allows', () => {
  test.each<[SeamName, string, string]>([
    ['clock', 'src/base/time.ts', 'Date.now() + performance.now()'],
    ['clock', 'src/a.ts', 'new Date(stamp).toISOString()'],
    ['clock', 'src/a.ts', '// Date.now()'],
    ['clock', 'src/a.ts', "throw new Error('not Date.now()')"],
    ['clock', 'test/a.ts', 'Date.now()'],
    ['timers', 'server/a.ts', 'httpServer.setTimeout(5)'],
    ['timers', 'src/a.ts', 'clearTimeout(timer)'],
    ['randomness', 'src/base/random.ts', 'globalThis.crypto.getRandomValues(pool)'],
    ['memory', 'src/base/memory.ts', 'globalThis.process?.memoryUsage?.()'],
    ['environment', 'server/cli/main.ts', 'process.argv'],
    ['console', 'server/cli/main.ts', 'process.stdout.write(line)'],
    ['console', 'src/a.ts', 'options.console'],
    ['nodeGlobals', 'src/a.ts', 'this.process.next'],
    ['nodeGlobals', 'src/a.ts', "typeof process !== 'undefined' && process.versions.node"],
    ['hiddenImports', 'src/a.ts', "await import('./a.ts')"],
  ])('%s in %s: %s', (name, path, text) => {
    expect(complaints(name, path, text)).toEqual([])
  })
})
