/** The reader and runner of examples, tried on good and bad ones. */
import { afterAll, expect, test } from 'vitest'
import { compileExamples, type Example, readExamples, usualRelayAddress } from './examples.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const markdown = `# Title

\`\`\`ts run
import { ok } from 'node:assert'
const relay: string = '${usualRelayAddress}'
console.log(relay)
\`\`\`

\`\`\`sh
not code of ours
\`\`\`

Now a number of the wrong type:

\`\`\`ts
const count: number = 'three'
\`\`\`

\`\`\`ts run
await Promise.reject(new Error('as it should'))
\`\`\`

\`\`\`ts
const first = 1
\`\`\`

And on:

\`\`\`ts continues run
process.exitCode = first - 1
\`\`\`
`

const examples = readExamples('docs/guide.md', markdown)
const [greeting, mistyped, failing, , continued] = examples as [
  Example,
  Example,
  Example,
  Example,
  Example,
]
const compiled = compileExamples(examples)
afterAll(() => compiled.remove())

test('the blocks of TypeScript are found, with their lines', () => {
  expect(examples.map(({ name, runs }) => [name, runs])).toEqual([
    ['docs/guide.md:3', true],
    ['docs/guide.md:15', false],
    ['docs/guide.md:19', true],
    ['docs/guide.md:23', false],
    ['docs/guide.md:29', true],
  ])
})

test('the compiler complains about the bad one, on its line in the document', () => {
  expect(compiled.complaints(mistyped)).toEqual([expect.stringContaining('(16,7): error TS2322')])
  for (const example of examples.filter(example => example !== mistyped)) {
    expect(compiled.complaints(example)).toEqual([])
  }
})

test('an example runs, with another relay in place of the usual one', async () => {
  const directory = await temporaryDirectory()
  const outcome = await compiled.run(greeting, directory, 'ws://127.0.0.1:9')
  expect(outcome).toEqual({ code: 0, output: 'ws://127.0.0.1:9\n' })
})

test('an example that throws ends with a code and says why', async () => {
  const { code, output } = await compiled.run(failing, await temporaryDirectory())
  expect(code).toBe(1)
  expect(output).toContain('as it should')
})

test('an example goes on from the one before it', async () => {
  const { code } = await compiled.run(continued, await temporaryDirectory())
  expect(code).toBe(0)
})
