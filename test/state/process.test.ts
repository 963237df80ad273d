import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openReplica, room } from '../../src/index.ts'
import { openProcess } from '../../src/state/process.ts'
import {
  defineHandler,
  defineProcess,
  type ProcessMessage,
  serverOf,
} from '../../src/state/process-definition.ts'
import { settle, startPair } from '../history/pair.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

type Ran = ProcessMessage[]

const scope = room('r1')
const define = (servers?: string[]) =>
  defineProcess<Ran>({
    name: 'bank',
    owner: 'ann',
    ...(servers && { servers }),
    handlers: {
      echo: {
        match: { Action: 'Echo' },
        run: (message, ran) => {
          ran.push(message)
          return { heard: message.data }
        },
      },
      secret: { match: { Action: 'Secret' }, ownerOnly: true, run: () => 'told' },
      any: { match: ({ tags }) => tags.Kind === 'any', run: () => undefined },
      odd: { match: { Action: 'Odd' }, run: () => () => 0 },
      fails: {
        match: { Action: 'Fail' },
        run: async () => {
          throw new RangeError('boom')
        },
      },
    },
  })

describe('a message', () => {
  it('is handled by its tags, and answered to whoever sent it', async () => {
    const { ann, bob } = await startPair()
    const Bank = define()
    const [server, client] = [
      await openProcess(ann, scope, Bank),
      await openProcess(bob, scope, Bank),
    ]
    const ran: Ran = []
    server.serve(ran)
    const ask = (tags: { [name: string]: string }, data?: unknown) => client.request(tags, data)
    expect(await ask({ Action: 'Echo', More: 'x' }, new Map([['a', 1n]]))).toMatchObject({
      ok: true,
      data: { heard: new Map([['a', 1n]]) },
    })
    expect(ran).toMatchObject([{ from: 'bob', tags: { More: 'x' } }])
    expect(await ask({ Kind: 'any' })).toMatchObject({ ok: true, data: null })
    const failed = async (tags: { [name: string]: string }) => (await ask(tags)).error?.code
    expect(await failed({ Action: 'Secret' })).toBe('OWNER_ONLY')
    expect(await failed({ Action: 'Nothing' })).toBe('HANDLER_UNKNOWN')
    expect(await failed({})).toBe('HANDLER_UNKNOWN')
    expect(await failed({ Action: 'Fail' })).toBe('HANDLER_FAILED')
    expect(await failed({ Action: 'Odd' })).toBe('VALUE_INVALID')
    expect(await server.request({ Action: 'Secret' })).toMatchObject({ data: 'told' })
    expect(server.pending()).toEqual([])
  })

  it('is refused before it is sent where it cannot be one', async () => {
    const { bob } = await startPair()
    const client = await openProcess(bob, scope, define())
    const refused = (code: string, act: () => unknown) =>
      expect(act).toThrow(expect.objectContaining({ code }))
    refused('ID_INVALID', () => client.send({}, null, { id: '' }))
    refused('VALUE_INVALID', () => client.send({ Action: 7 as unknown as string }))
    refused('VALUE_INVALID', () => client.send({}, () => 0))
    refused('OPTION_INVALID', () => client.serve([]))
    refused('OPTION_INVALID', () => define([]))
    expect(client.pending()).toEqual([])
    await expect(
      client.request({ Action: 'Echo' }, 1, { id: 'slow', timeoutMilliseconds: 5 }),
    ).rejects.toMatchObject({ code: 'REPLY_TIMEOUT', retryable: true })
    expect(client.pending().map(({ id }) => id)).toEqual(['slow'])
  })

  it('runs once, however often it was sent, wherever, and however the network is cut', async () => {
    const { ann, bob } = await startPair()
    const Bank = define(['ann', 'bob'])
    const [first, second] = [
      await openProcess(ann, scope, Bank),
      await openProcess(bob, scope, Bank),
    ]
    const [byAnn, byBob]: [Ran, Ran] = [[], []]
    first.serve(byAnn)
    second.serve(byBob)
    await settle(ann, bob)
    ann.disconnect()
    bob.disconnect()
    const ids = Array.from({ length: 40 }, (_, index) => `message ${index}`)
    for (const id of ids) {
      first.send({ Action: 'Echo' }, id, { id })
      second.send({ Action: 'Echo' }, id, { id })
    }
    await Promise.all([first.idle(), second.idle()])
    await settle(ann, bob)
    await Promise.all([first.idle(), second.idle()])
    await settle(ann, bob)
    for (const id of ids) {
      const runs = [...byAnn.map(m => ['ann', m.id]), ...byBob.map(m => ['bob', m.id])]
      expect(runs.filter(([, ran]) => ran === id)).toEqual([[serverOf(Bank.servers, id), id]])
      expect(first.reply(id)).toEqual({ id, ok: true, data: { heard: id } })
      expect(second.reply(id)).toEqual(first.reply(id))
    }
    expect(byAnn.length).toBeGreaterThan(5)
    expect(byBob.length).toBeGreaterThan(5)
    expect(first.repeated()).toEqual([])
  })

  it('is not run again after a crash, but answered with HANDLER_INTERRUPTED', async () => {
    const storage = join(await temporaryDirectory(), 'replica')
    const Once = defineProcess<{ runs: number; gate: Promise<void> }>({
      name: 'once',
      owner: 'ann',
      handlers: {
        go: defineHandler({
          match: { Action: 'Go' },
          run: async (_, context) => {
            context.runs += 1
            await context.gate
          },
        }),
      },
    })
    const replica = await openReplica({ actor: 'ann', storage })
    const before = await openProcess(replica, scope, Once)
    let crashed = () => {}
    const context = { runs: 0, gate: new Promise<void>((_, reject) => (crashed = () => reject())) }
    before.serve(context)
    before.send({ Action: 'Go' }, null, { id: 'm1' })
    while (context.runs === 0) await new Promise(resolve => setImmediate(resolve))
    await replica.close()
    crashed()
    const again = await openReplica({ actor: 'ann', storage })
    const after = await openProcess(again, scope, Once)
    after.serve({ ...context, gate: Promise.resolve() })
    await after.idle()
    expect(after.reply('m1')).toMatchObject({ ok: false, error: { code: 'HANDLER_INTERRUPTED' } })
    expect(context.runs).toBe(1)
    after.send({ Action: 'Go' }, null, { id: 'm1' })
    after.send({ Action: 'Go' }, null, { id: 'm2' })
    await after.idle()
    expect(after.reply('m2')).toMatchObject({ ok: true })
    await after.close()
    await again.close()
  })

  it('that two replicas of one actor have run is named', async () => {
    const { ann, bob } = await startPair()
    const Bank = define()
    const first = await openProcess(ann, scope, Bank)
    const second = await openProcess(bob, scope, Bank, { actor: 'ann' })
    ann.disconnect()
    bob.disconnect()
    for (const process of [first, second]) {
      process.serve([])
      process.send({ Action: 'Echo' }, 1, { id: 'm1' })
      await process.idle()
    }
    await settle(ann, bob)
    expect(first.repeated()).toEqual(['m1'])
    expect(second.reply('m1')).toEqual(first.reply('m1'))
  })
})
