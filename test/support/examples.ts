/**
 * The code examples of our documents. A block is fenced as `ts`; more words say more:
 *
 * - `ts run` is also executed, and has to end with exit code 0. Where it names the relay's usual
 *   address, a fresh relay stands in for it.
 * - `ts continues` (or `ts continues run`) goes on from the block before it, which it is compiled
 *   and executed with.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { inRepository } from './repository.ts'

export interface Example {
  /** The document and the line on which the block begins, such as `README.md:12`. */
  readonly name: string
  readonly runs: boolean
  /**
   * The module to compile. Every line stands on the line that it has in the document, so that the
   * compiler's complaints point there.
   */
  readonly text: string
}

/** The address that documents give for a relay on its defaults. */
export const usualRelayAddress = 'ws://127.0.0.1:4100'

const fence = /^```ts\b([^\n]*)\n([\s\S]*?)^```[ \t]*$/gm

/** The examples of a Markdown text. */
export function readExamples(document: string, markdown: string): Example[] {
  const examples: Example[] = []
  for (const match of markdown.matchAll(fence)) {
    const words = (match[1] as string).split(/\s+/)
    const start = markdown.slice(0, match.index).split('\n').length
    const before = words.includes('continues') ? (examples.at(-1)?.text ?? '') : ''
    const padding = '\n'.repeat(start - (before.split('\n').length - 1))
    examples.push({
      name: `${document}:${start}`,
      runs: words.includes('run'),
      text: `${before}${padding}${match[2]}`,
    })
  }
  return examples
}

/** Examples that were compiled together, each as a user's module that imports `statemesh`. */
export interface CompiledExamples {
  /** What the compiler says against an example; empty when it is fine. */
  complaints(example: Example): string[]
  /** Runs an example in `directory`, with `relay` in place of the usual address. */
  run(example: Example, directory: string, relay?: string): Promise<ExampleOutcome>
  /** Removes what was written. */
  remove(): void
}

export interface ExampleOutcome {
  readonly code: number | null
  /** What it wrote to stdout and stderr. */
  readonly output: string
}

const compilerOptions = {
  // What is right for our own sources is noise in an example.
  noUnusedLocals: false,
  noUnusedParameters: false,
  isolatedDeclarations: false,
  declaration: false,
  sourceMap: false,
  rootDir: '.',
  outDir: 'out',
}

/** Compiles examples inside the repository, where `statemesh` is the package itself, as built. */
export function compileExamples(examples: readonly Example[]): CompiledExamples {
  mkdirSync(inRepository('.tmp'), { recursive: true })
  const directory = mkdtempSync(inRepository('.tmp', 'examples-'))
  const settings = { extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'] }
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(settings))
  for (const example of examples) {
    // `export {}` makes a module of an example that imports nothing, for its top-level await.
    writeFileSync(join(directory, `${fileName(example)}.ts`), `${example.text}\nexport {}\n`)
  }
  const complaints = examples.length === 0 ? [] : compile(directory)
  const about = (example: Example) =>
    complaints.filter(line => line.startsWith(`${fileName(example)}.ts(`))
  if (complaints.length > 0 && examples.every(example => about(example).length === 0)) {
    throw new Error(`the examples cannot be compiled:\n${complaints.join('\n')}`)
  }

  return {
    complaints: about,
    run(example, workingDirectory, relay = usualRelayAddress) {
      const script = join(directory, 'out', `${fileName(example)}.js`)
      const code = readFileSync(script, 'utf8').replaceAll(usualRelayAddress, relay)
      writeFileSync(script, code)
      return runScript(script, workingDirectory)
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** What the compiler says about a directory, line by line. */
function compile(directory: string): string[] {
  const tsc = inRepository('node_modules', 'typescript', 'bin', 'tsc')
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, '--pretty', 'false'], {
    cwd: directory,
    encoding: 'utf8',
  })
  return `${stdout}${stderr}`.split('\n').filter(line => line !== '')
}

function fileName(example: Example): string {
  return basename(example.name).replace(/\W/g, '-')
}

function runScript(script: string, cwd: string): Promise<ExampleOutcome> {
  const child = spawn(process.execPath, [script], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    // One that hangs is to fail by itself, not to outlive the test.
    timeout: 60_000,
    killSignal: 'SIGKILL',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve({ code, output }))
  })
}
