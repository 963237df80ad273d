/** Messages over links, with real sockets: what the handlers of a process do with those of its log. */
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  createMemoryNetwork,
  linkToProcess,
  listenForMessages,
  mintToken,
  openProcess,
  openReplica,
  tokenVerifier,
} from '../../src/index.ts'
import { serverOf } from '../../src/state/process-definition.ts'
import { manualTime } from '../support/manual-time.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { waitUntil } from '../support/wait-until.ts'
import { coded, define, newGate, scope, startBank, startProxy, type World } from './bank.ts'

const secret = 's'.repeat(32)

describe('a message over a link', () => {
  it('is handled by its tags and answered, like one of the log', async () => {
    const { link, balances, bank } = await startBank()
    const [ann, bob] = [link('ann'), link('bob')]
    expect(await bob.request({ Action: 'Mint' })).toMatchObject({ error: { code: 'OWNER_ONLY' } })
    expect(await ann.request({ Action: 'Mint', To: 'bob' })).toMatchObject({ ok: true })
    const transfer = (amount: unknown) =>
      bob.request({ Action: 'Transfer' }, { to: 'cat', amount }, { id: `for ${amount}` })
    expect(await transfer(30)).toEqual({ id: 'for 30', ok: true, data: 'Transfer completed' })
    expect(await transfer(71)).toMatchObject({ error: { code: 'BUDGET_INSUFFICIENT' } })
    expect(await transfer('all')).toMatchObject({ error: { code: 'VALUE_INVALID' } })
    expect(await bob.request({})).toMatchObject({ error: { code: 'HANDLER_UNKNOWN' } })
    expect([balances.balance('bob'), balances.balance('cat')]).toEqual([70, 30])
    expect(bank.reply('for 30')).toMatchObject({ data: 'Transfer completed' })
    expect(bank.pending()).toEqual([])
  })

  it('carries whatever can be stored', async () => {
    const { link } = await startBank()
    const data = {
      map: new Map<unknown, unknown>([[new Date(5), new Set([1n << 70n, -0])]]),
      bytes: new Uint8Array([0, 255]),
      'half \ud800': [null, NaN, 2 ** 31, 1.5, { $: '€' }],
    }
    const reply = await link('bob').request({ Action: 'Echo', 'odd \ud800': '' }, data)
    expect(reply.data).toEqual({ from: 'bob', data })
  })

  it('is refused where it cannot be one, before it is sent', async () => {
    const { link } = await startBank()
    const bob = link('bob')
    const refused = (code: string, ...of: Parameters<typeof bob.request>) =>
      expect(bob.request(...of)).rejects.toEqual(coded(code))
    await refused('ID_INVALID', {}, null, { id: '' })
    await refused('VALUE_INVALID', { Action: 7 as unknown as string })
    await refused('VALUE_INVALID', {}, () => 0)
    bob.close()
    await refused('CLOSED', {})
  })

  it('is the only one of a client that waits for its own reply', async () => {
    const { link } = await startBank()
    const clients = ['bob', 'cat'].map(actor => ({ actor, client: link(actor) }))
    const asked = clients.flatMap(({ actor, client }) =>
      Array.from({ length: 20 }, async (_, index) => {
        const { data } = await client.request({ Action: 'Echo' }, index)
        expect(data).toEqual({ from: actor, data: index })
      }),
    )
    await Promise.all(asked)
  })
})

describe('at most once', () => {
  it('holds for an id whose reply was lost: the retry gets what was recorded', async () => {
    const { link, ran, gate, listening } = await startBank()
    const proxy = await startProxy(listening.address)
    const bob = link('bob', { address: proxy.address })
    const again = () => bob.request({ Action: 'Wait' }, null, { id: 'm1' })
    const refused = expect(again()).rejects.toMatchObject({ code: 'LINK_FAILED', retryable: true })
    await waitUntil(() => ran.length === 1)
    const lost = proxy.loseReplies()
    gate.open()
    await waitUntil(() => lost() > 0)
    proxy.cut()
    await refused
    expect(await again()).toEqual({ id: 'm1', ok: true, data: 'waited' })
    expect(await link('bob').request({}, null, { id: 'm1' })).toEqual(await again())
    expect(ran).toEqual(['m1'])
  })

  it('holds for an id that is sent again while it runs', async () => {
    const { link, ran, gate } = await startBank()
    const [first, second] = [link('bob'), link('bob')]
    const sent = [first, first, second].map(bob =>
      bob.request({ Action: 'Wait' }, null, { id: 'm1' }),
    )
    await waitUntil(() => ran.length === 1)
    gate.open()
    for (const reply of await Promise.all(sent)) expect(reply).toMatchObject({ data: 'waited' })
    expect(ran).toEqual(['m1'])
  })

  it('holds across the log and the link, in either order and at the same time', async () => {
    const { replica, bank, link, ran, gate } = await startBank()
    gate.open()
    const sender = await openProcess(replica, scope, define(), { actor: 'bob' })
    const bob = link('bob')
    const tags = { Action: 'Wait' }
    await sender.request(tags, null, { id: 'log first' })
    expect(await bob.request(tags, null, { id: 'log first' })).toMatchObject({ data: 'waited' })
    await bob.request(tags, null, { id: 'link first' })
    expect(await sender.request(tags, null, { id: 'link first' })).toMatchObject({ data: 'waited' })
    sender.send(tags, null, { id: 'both' })
    expect(await bob.request(tags, null, { id: 'both' })).toMatchObject({ data: 'waited' })
    await bank.idle()
    expect(ran).toEqual(['log first', 'link first', 'both'])
  })

  it('holds after a restart of the server, also for what it was in the middle of', async () => {
    const storage = join(await temporaryDirectory(), 'replica')
    const network = createMemoryNetwork()
    const start = async (world: World) => {
      const replica = await openReplica({ actor: 'ann', storage })
      const bank = await openProcess(replica, scope, define())
      bank.serve(world)
      const listen = network.acceptor('memory:bank')
      return { replica, bank, listening: await listenForMessages(bank, { listen }) }
    }
    const world = { ran: [] as string[], gate: newGate() } as unknown as World
    const before = await start(world)
    const options = { address: 'memory:bank', actor: 'bob', transport: network }
    const bob = linkToProcess(scope, define(), options)
    onTestFinished(() => bob.close())
    await bob.request({ Action: 'Echo' }, 1, { id: 'done' })
    const cut = bob.request({ Action: 'Wait' }, null, { id: 'cut' })
    const refused = expect(cut).rejects.toEqual(coded('LINK_FAILED'))
    await waitUntil(() => world.ran.length === 1)
    await before.listening.close()
    await before.replica.close()
    await refused
    world.gate.open()
    const after = await start(world)
    expect(await bob.request({ Action: 'Echo' }, 2, { id: 'done' })).toMatchObject({
      data: { data: 1 },
    })
    expect(await bob.request({ Action: 'Wait' }, null, { id: 'cut' })).toMatchObject({
      error: { code: 'HANDLER_INTERRUPTED' },
    })
    expect(world.ran).toEqual(['cut'])
    await after.listening.close()
    await after.replica.close()
  })

  it('gives a reply to nobody but the sender of the message', async () => {
    const { link, ran, gate } = await startBank()
    gate.open()
    await link('bob').request({ Action: 'Wait' }, null, { id: 'm1' })
    const stolen = link('cat').request({ Action: 'Wait' }, null, { id: 'm1' })
    await expect(stolen).rejects.toEqual(coded('ACCESS_DENIED'))
    expect(ran).toEqual(['m1'])
  })

  it('takes only messages of the server at the end of the link', async () => {
    const Bank = define(['ann', 'bob'])
    const { link, bank } = await startBank({}, Bank)
    expect(() => link('cat')).toThrow(coded('OPTION_INVALID'))
    const toAnn = link('cat', { server: 'ann' })
    for (let index = 0; index < 10; index++) {
      expect(await toAnn.request({ Action: 'Echo' })).toMatchObject({ ok: true })
    }
    const ofBob = ['a', 'b', 'c', 'd', 'e', 'f'].find(id => serverOf(Bank.servers, id) === 'bob')
    const id = ofBob as string
    await expect(toAnn.request({}, null, { id })).rejects.toEqual(coded('OPTION_INVALID'))
    const wrong = link('cat', { server: 'bob' }).request({}, null, { id })
    await expect(wrong).rejects.toEqual(coded('FRAME_INVALID'))
    const direct = bank.handle({ id, from: 'cat', tags: {}, data: null })
    await expect(direct).rejects.toEqual(coded('OPTION_INVALID'))
  })
})

describe('a request over a link', () => {
  it('that gets no reply in time can be sent again', async () => {
    const { link, ran, gate } = await startBank()
    const bob = link('bob')
    const send = (timeoutMilliseconds: number) =>
      bob.request({ Action: 'Wait' }, null, { id: 'm1', timeoutMilliseconds })
    await expect(send(5)).rejects.toMatchObject({ code: 'REPLY_TIMEOUT', retryable: true })
    gate.open()
    expect(await send(60_000)).toMatchObject({ data: 'waited' })
    expect(ran).toEqual(['m1'])
  })

  it('fails when nobody listens, and dials again when somebody does', async () => {
    const network = createMemoryNetwork()
    const address = 'memory:bank'
    const bob = linkToProcess(scope, define(), { address, actor: 'bob', transport: network })
    await expect(bob.request({})).rejects.toEqual(coded('LINK_FAILED'))
    await startBank({ listen: network.acceptor(address) })
    expect(await bob.request({ Action: 'Echo' })).toMatchObject({ ok: true })
    bob.close()
  })

  it('is refused, and not run, beyond what may wait on a link', async () => {
    const { link, ran, gate } = await startBank()
    const bob = link('bob')
    const large = Array(20).fill('x'.repeat(50_000))
    const options = { timeoutMilliseconds: 60_000 } // longer than this takes
    const sent = Array.from({ length: 12 }, () => bob.request({ Action: 'Wait' }, large, options))
    const refused: unknown[] = []
    const outcomes = sent.map(reply => reply.catch(error => refused.push(error)))
    await waitUntil(() => refused.length > 2)
    gate.open()
    await Promise.all(outcomes)
    for (const error of refused) {
      expect(error).toMatchObject({ code: 'LIMIT_REACHED', retryable: true })
    }
    expect(ran.length).toBe(12 - refused.length)
  })

  it('lets the link go when nothing was asked for a while, and dials again', async () => {
    const time = manualTime()
    const { link, listening } = await startBank()
    const { address, pairs } = await startProxy(listening.address)
    const bob = link('bob', { address, time })
    await bob.request({ Action: 'Echo' })
    await bob.request({ Action: 'Echo' })
    expect(pairs.length).toBe(1)
    time.advance(31_000)
    await waitUntil(() => pairs[0]?.client.destroyed === true)
    expect(await bob.request({ Action: 'Echo' })).toMatchObject({ ok: true })
    expect(pairs.length).toBe(2)
  })
})

describe('who a message is from', () => {
  const mint = (subject: string, options: { partition?: string; seconds?: number } = {}) => {
    const { partition = 'bank-inbox', seconds = 60 } = options
    const grants = [{ scope: 'room:r1', partition, rights: 'write' }] as const
    return mintToken(secret, { subject, grants, seconds })
  }
  const start = () => startBank({ tokens: tokenVerifier({ secret }) })

  it('is what its token says, where one is asked for', async () => {
    const { link } = await start()
    const ask = async (actor: string, token?: string) =>
      link(actor, token === undefined ? {} : { token }).request({ Action: 'Echo' })
    expect((await ask('bob', await mint('bob'))).data).toMatchObject({ from: 'bob' })
    const refused = async (code: string, ...of: Parameters<typeof ask>) =>
      expect(ask(...of)).rejects.toEqual(coded(code))
    await refused('TOKEN_INVALID', 'bob')
    await refused('TOKEN_INVALID', 'bob', 'no token')
    await refused('ACCESS_DENIED', 'ann', await mint('bob'))
    await refused('ACCESS_DENIED', 'bob', await mint('bob', { partition: 'bank-handled' }))
    await refused('TOKEN_EXPIRED', 'bob', await mint('bob', { seconds: -1 }))
  })

  it('is asked again when the token has ended', async () => {
    const time = manualTime(Date.now())
    const { link } = await startBank({ tokens: tokenVerifier({ secret }), time })
    let tokens = 0
    const token = () => {
      tokens += 1
      return mint('bob', { seconds: 60 * tokens })
    }
    const bob = link('bob', { token })
    const ask = async () => (await bob.request({ Action: 'Echo' })).ok
    expect([await ask(), await ask(), tokens]).toEqual([true, true, 1])
    time.advance(60_000)
    // Until it has heard that the link has ended.
    await expect.poll(() => ask().catch(() => false)).toBe(true)
    expect(tokens).toBe(2)
  })

  it('is not left to a port beyond this machine that asks for no tokens', async () => {
    const { bank } = await startBank()
    const open = listenForMessages(bank, { listen: { port: 0, host: '0.0.0.0' } })
    await expect(open).rejects.toEqual(coded('OPTION_INVALID'))
  })
})
