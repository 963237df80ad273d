/** A process that has nothing left to do but to wait for a replica: it must not end before that does. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { inRepository } from '../support/repository.ts'

const library = JSON.stringify(pathToFileURL(inRepository('dist/src/index.js')).href)

/** Runs a script that has the library as `statemesh`, with a replica whose relay does not answer. */
async function run(script: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const whole = `
    import * as statemesh from ${library}
    const { createMemoryStorage, definePartition, openReplica, room } = statemesh
    const storage = createMemoryStorage()
    const replica = await openReplica({ actor: 'a', storage, relay: 'ws://127.0.0.1:9' })
    const open = (name, policy) => replica.open(room('r1'), definePartition({ name, policy }))
    const codeOf = promise => promise.then(() => 'well', ({ code }) => code)
    ${script}
    await replica.close()
    console.log('closed')`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', whole])
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { code, stdout, stderr }
}

it.concurrent.each([
  ['flush', `await replica.flush({ timeoutMilliseconds: 700 })`, 'FLUSH_TIMEOUT'],
  ['synced', `await replica.synced({ timeoutMilliseconds: 700 })`, 'FLUSH_TIMEOUT'],
])('stays until `%s` gives up', async (_, waiting, code) => {
  const outcome = await run(`
    ;(await open('users', 'last-write-wins')).set('alice', 1)
    console.log(await codeOf((async () => { ${waiting} })()))`)
  expect(outcome).toEqual({ code: 0, stdout: `${code}\nclosed\n`, stderr: '' })
})

it.concurrent('stays until a debit gives up to whom nobody grants rights', async () => {
  const outcome = await run(`
    const theirs = createMemoryStorage()
    const other = await openReplica({ actor: 'b', storage: theirs })
    await (await other.open(room('r1'), definePartition({ name: 'spend', policy: 'budget' }))).mint('cpu', 9)
    for (const { update } of (await theirs.load('room:r1/spend')).updates) {
      await storage.append('room:r1/spend', update)
    }
    await other.close()
    const spend = await open('spend', 'budget')
    console.log(await codeOf(spend.debit('cpu', 1, { timeoutMilliseconds: 700 })))`)
  expect(outcome).toEqual({ code: 0, stdout: 'BUDGET_UNREACHABLE\nclosed\n', stderr: '' })
})

it.concurrent('stays until a request gives up that nobody answers', async () => {
  const outcome = await run(`
    const messages = statemesh.defineProcess({ name: 'bank', owner: 'b', handlers: {} })
    const bank = await statemesh.openProcess(replica, room('r1'), messages)
    console.log(await codeOf(bank.request({ Action: 'Balance' }, null, { timeoutMilliseconds: 700 })))`)
  expect(outcome).toEqual({ code: 0, stdout: 'REPLY_TIMEOUT\nclosed\n', stderr: '' })
})
