/** A process that has nothing left to do but to wait for a replica: it must not end before that does. */
import { expect, it } from 'vitest'
import { type ProcessOutcome, runScript } from '../support/run-node.ts'

/** Runs a script with a replica whose relay does not answer. */
function run(script: string): Promise<ProcessOutcome> {
  return runScript(`
    const { createMemoryStorage, definePartition, openReplica, room } = statemesh
    const storage = createMemoryStorage()
    const replica = await openReplica({ actor: 'a', storage, relay: 'ws://127.0.0.1:9' })
    const open = (name, policy) => replica.open(room('r1'), definePartition({ name, policy }))
    const codeOf = promise => promise.then(() => 'well', ({ code }) => code)
    ${script}
    await replica.close()
    console.log('closed')`)
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
