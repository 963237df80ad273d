/** The arguments of `npm run demo` and `npm run trust`. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { inRepository } from '../support/repository.ts'

test.each([
  ['demo', ['--p2q']],
  ['demo', ['now']],
  ['trust', ['--onto', 'file']],
  ['trust', ['many']],
  ['trust', ['0']],
  ['trust', ['10', '20']],
])('npm run %s -- %j is refused in a line', (command, flags) => {
  const script = inRepository(`dist/simulations/${command}/main.js`)
  const { status, stderr, stdout } = spawnSync(process.execPath, [script, ...flags])
  expect({ status, stdout: String(stdout) }).toEqual({ status: 2, stdout: '' })
  expect(String(stderr)).toMatch(/^OPTION_INVALID: .*\n$/)
})
