/** The examples of our documents: all compile against the built package, those marked `run` run. */
import { readFileSync } from 'node:fs'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import {
  type CompiledExamples,
  compileExamples,
  type Example,
  readExamples,
  usualRelayAddress,
} from './support/examples.ts'
import { startRelayProcess } from './support/relay-process.ts'
import { inRepository } from './support/repository.ts'
import { temporaryDirectory } from './support/temporary-directory.ts'

const documents = ['README.md', 'src/protocol/PROTOCOL.md', 'simulations/README.md']

const examples: readonly Example[] = documents.flatMap(path =>
  readExamples(path, readFileSync(inRepository(path), 'utf8')),
)
const executable = examples.filter(({ runs }) => runs)
const compiled: CompiledExamples = compileExamples(examples)
afterAll(() => compiled.remove())

test('the README has an example that runs', () => {
  expect(executable.map(({ name }) => name)).toContainEqual(expect.stringMatching(/^README\.md:/))
})

for (const example of examples) {
  test(`${example.name} compiles`, () => {
    expect(compiled.complaints(example)).toEqual([])
  })
}

for (const example of executable) {
  test(`${example.name} runs`, async () => {
    const relay = example.text.includes(usualRelayAddress) ? await startRelay() : undefined
    const outcome = await compiled.run(example, await temporaryDirectory(), relay)
    expect(outcome, outcome.output).toMatchObject({ code: 0 })
  })
}

async function startRelay(): Promise<string> {
  const relay = await startRelayProcess({ data: await temporaryDirectory() })
  onTestFinished(async () => {
    await relay.kill('SIGKILL')
  })
  return relay.url
}
