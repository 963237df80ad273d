/** The repository as a whole: file sizes, nothing of one machine, and what the README owes. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { errorCodes } from '../../src/base/error.ts'
import { inRepository } from '../support/repository.ts'
import * as rules from './repository-rules.ts'
import { filesUnder, folders, readSources } from './source-file.ts'

const readme = readFileSync(inRepository('README.md'), 'utf8')
const lockFile = readFileSync(inRepository('package-lock.json'), 'utf8')

/** The files at the top (`.git` is one in a linked work tree), and all that the folders hold. */
function committedFiles(): rules.TextFile[] {
  const top = readdirSync(inRepository(), { withFileTypes: true })
    .filter(entry => entry.isFile() && !/^\.git$|\.log$/.test(entry.name))
    .map(entry => entry.name)
  return [...top, ...['.ci', ...folders].flatMap(filesUnder)].map(path => ({
    path,
    text: readFileSync(inRepository(path), 'utf8'),
  }))
}

describe('files', () => {
  test('are short', () => {
    expect(rules.lengthComplaints(readSources())).toEqual([])
  })

  test('that are long are told', () => {
    const long = { path: 'src/long.ts', text: 'line\n'.repeat(rules.fileLinesMax + 1) }
    const fitting = { path: 'src/fitting.ts', text: 'line\n'.repeat(rules.fileLinesMax) }
    expect(rules.lengthComplaints([long, fitting])).toHaveLength(1)
  })

  test('name no place of one machine', () => {
    expect(rules.machinePathComplaints(committedFiles())).toEqual([])
  })

  test('that name a place of one machine are told', () => {
    const path = ['', 'home', 'alice', 'project'].join('/')
    const bad = { path: 'src/a.ts', text: `open('${path}')` }
    expect(rules.machinePathComplaints([bad])).toHaveLength(1)
    const fine = { path: 'src/a.ts', text: "import '../work/queue.ts' // of simulations/work/all" }
    expect(rules.machinePathComplaints([fine])).toEqual([])
  })
})

describe('a page', () => {
  test.each(['README.md', 'src/protocol/PROTOCOL.md', 'simulations/README.md'])(
    '%s has only links that lead somewhere',
    path => {
      const page = { path, text: readFileSync(inRepository(path), 'utf8') }
      const exists = (to: string) => existsSync(inRepository(dirname(path), to))
      expect(rules.linkComplaints(page, exists)).toEqual([])
    },
  )

  test('with a link that leads nowhere is told', () => {
    const text =
      '## To a `b`, c\n[1](#to-a-b-c) [2](#to-a) [3](a.md) [4](b.md) [5](https://b.example)'
    const complaints = rules.linkComplaints({ path: 'p.md', text }, to => to === 'a.md')
    expect(complaints).toEqual(['p.md: #to-a', 'p.md: b.md'])
  })
})

describe('the lock file', () => {
  test('is complete and binds no package to an address', () => {
    expect(rules.lockFileComplaints(lockFile)).toEqual([])
  })

  test('that does or is not is told', () => {
    const packages = {
      'node_modules/ws': { resolved: 'https://registry.example/ws.tgz' },
      'node_modules/@a/tool': {
        optionalDependencies: { '@a/tool-linux': '1', '@a/tool-mac': '1' },
      },
      'node_modules/b/node_modules/@a/tool-linux': {},
    }
    expect(rules.lockFileComplaints(JSON.stringify({ packages }))).toEqual([
      'node_modules/ws: https://registry.example/ws.tgz',
      'node_modules/@a/tool: lacks @a/tool-mac',
    ])
  })
})

describe('the README', () => {
  test('explains every error code', () => {
    expect(rules.errorCodeComplaints(readme, errorCodes)).toEqual([])
  })

  test('that lacks an error code, or says the wrong thing of it, is told', () => {
    const [no, yes] = [{ retryable: false }, { retryable: true }]
    const text =
      '\n| `CLOSED` | no | ... |\n| `REFUSED` | no, unless | ... |\n| `LINK_FAILED` | no |'
    const codes = { CLOSED: no, REFUSED: no, LINK_FAILED: yes, KEY_INVALID: no }
    expect(rules.errorCodeComplaints(text, codes)).toEqual([
      '| `LINK_FAILED` | yes',
      '| `KEY_INVALID` | no',
    ])
  })

  test('explains no error code that nobody ever gets', () => {
    expect(rules.unusedCodeComplaints(readSources(), errorCodes)).toEqual([])
    const list = { path: 'src/base/error.ts', text: "'CLOSED'" }
    expect(rules.unusedCodeComplaints([list], { CLOSED: { retryable: false } })).toEqual(['CLOSED'])
  })

  test('begins with the commands that matter', () => {
    expect(rules.firstCommandComplaints(readme)).toEqual([])
  })

  test('that begins otherwise is told', () => {
    expect(rules.firstCommandComplaints('```sh\nnpm install\nnpm ci && npm test\n```\n')).toEqual([
      "the README's first block lacks: npm ci && npm run demo",
    ])
  })

  test('and the continuous integration agree on the test command', () => {
    const script = readFileSync(inRepository('.ci', 'run'), 'utf8')
    const lines = script.split('\n').map(line => line.trim())
    expect(lines).toContain(rules.firstCommands[1])
  })
})
