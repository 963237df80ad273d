import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { type ListenOptions, listen } from '../../server/http-server.ts'
import { createRelay } from '../../server/relay.ts'
import type { RelayOptions } from '../../server/relay-options.ts'
import { subprotocol } from '../../src/protocol/frame.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import { type MintOptions, mintToken, tokenVerifier } from '../../src/trust/token.ts'
import { manualTime } from '../support/manual-time.ts'
import { waitUntil } from '../support/wait-until.ts'
import {
  FrameClient as Client,
  type FrameClient,
  frameClient,
  openFrame,
  stateFrame,
} from './frame-client.ts'
import { runningRelay } from './running-relay.ts'
import { stockClient, synced } from './stock-clients.ts'
import { writer } from './writer.ts'

const secret = 'a secret of more than thirty-two bytes'
const everything = { scope: '*', partition: '*' }

function mint(options: Partial<MintOptions> = {}): Promise<string> {
  const grants = [{ ...everything, rights: 'write' }] as const
  return mintToken(secret, { subject: 'agent-7', grants, seconds: 60, ...options })
}

const reading = [{ ...everything, rights: 'read' }] as const

function securedRelay(options: Partial<RelayOptions> = {}, listening: ListenOptions = {}) {
  return runningRelay({ tokens: tokenVerifier({ secret }, options), ...options }, listening)
}

async function linked(url: string, token: string): Promise<FrameClient> {
  return frameClient(url, undefined, token)
}

/** The code with which a socket is closed that is not served. */
async function closeCode(url: string, protocols: string[] = [], headers = {}): Promise<number> {
  const socket = new WebSocket(url, protocols, { headers })
  onTestFinished(() => socket.terminate())
  const [code] = await once(socket, 'close')
  return code as number
}

describe('a relay that asks for tokens', () => {
  test('closes links without one, or with a bad one, with 4401', async () => {
    const { url } = await securedRelay()
    expect(await closeCode(url, [subprotocol])).toBe(4401)
    expect(await closeCode(`${url}/my-doc`)).toBe(4401)
    expect(await closeCode(`${url}/my-doc?token=x.y.z`)).toBe(4401)
    const authorization = 'Bearer nonsense'
    expect(await closeCode(url, [subprotocol], { authorization })).toBe(4401)
    const other = await mintToken('b'.repeat(32), { subject: 'a', grants: reading, seconds: 60 })
    expect(await closeCode(url, [subprotocol, `statemesh.token.${other}`])).toBe(4401)
    const ended = await mint({ seconds: -1 })
    expect(await closeCode(url, [subprotocol, `statemesh.token.${ended}`])).toBe(4401)
  })

  test('does not take the token of a link from the query string', async () => {
    const { url } = await securedRelay()
    expect(await closeCode(`${url}/?token=${await mint()}`, [subprotocol])).toBe(4401)
  })

  test('takes it as a header, as a subprotocol, and from the query of a stock client', async () => {
    const { url, events } = await securedRelay()
    const token = await mint()
    await (await linked(url, token)).open('room:r1/users')
    const socket = new WebSocket(url, [subprotocol, `statemesh.token.${token}`])
    onTestFinished(() => socket.terminate())
    await once(socket, 'message')
    expect(socket.protocol).toBe(subprotocol)
    await synced(stockClient(url, 'my-doc', token))
    const connected = events.filter(({ event }) => event === 'connected')
    expect(connected.map(({ subject }) => subject)).toEqual(['agent-7', 'agent-7', 'agent-7'])
  })

  test('tells a stock client why, and it does not dial again', async () => {
    const { url, events } = await securedRelay()
    const client = stockClient(url, 'my-doc')
    await new Promise(resolve => client.provider.on('closed' as never, resolve as never))
    expect(events.filter(({ code }) => code === 'TOKEN_INVALID')).toHaveLength(1)
  })
})

describe('a document without a grant', () => {
  const grants = [{ scope: 'agent:a1', partition: 'users', rights: 'write' }] as const

  test('is refused alike whether it exists or not, and is not loaded', async () => {
    const { url, relay } = await securedRelay()
    const owner = await linked(url, await mint())
    await owner.open('agent:a2/users')
    owner.send(stateFrame(writer(1).append('secret')))
    await owner.next('ack', ({ level }) => level === 'durable')
    const client = await linked(url, await mint({ subject: 'a1', grants }))
    client.send(openFrame('agent:a2/users', 1), openFrame('agent:a3/users', 2))
    const [existing, missing] = [await client.next('nack'), await client.next('nack')]
    expect(existing).toMatchObject({ channel: 1, code: 'ACCESS_DENIED', retryable: false })
    expect({ ...missing, channel: 1 }).toEqual(existing)
    expect(client.all('open')).toEqual([])
    expect(relay.health().rooms).toBe(1)
    await client.open('agent:a1/room:r1/users', 3)
  })

  test.each([
    'agent:a10/users',
    'agent:a1/tokens',
    'global/users',
    'agent:a1/users/x',
    'x/agent:a1/users',
    'Agent:a1/users',
  ])('%s is not one that looks like it', async document => {
    const { url } = await securedRelay()
    const token = await mint({ grants })
    const client = await linked(url, token)
    client.send(openFrame(document))
    expect(await client.next('nack')).toMatchObject({ code: 'ACCESS_DENIED' })
    expect(await closeCode(`${url}/${document}?token=${token}`)).toBe(4403)
  })

  test.each(['agent:a1%2Froom:r1/users', 'agent:%61%31/users', 'agent%3Aa1/users'])(
    '%s is another name on a link, where nothing is decoded',
    async document => {
      const { url } = await securedRelay()
      const client = await linked(url, await mint({ grants }))
      client.send(openFrame(document))
      expect(await client.next('nack')).toMatchObject({ code: 'ACCESS_DENIED' })
    },
  )

  test('closes a stock socket with 4403', async () => {
    const { url } = await securedRelay()
    const token = await mint({ grants })
    expect(await closeCode(`${url}/agent:a2/users?token=${token}`)).toBe(4403)
    expect(await closeCode(`${url}/my-doc?token=${token}`)).toBe(4403)
    await synced(stockClient(url, 'agent:a1/users', token))
    // The path is decoded once, and then it is the same document.
    await synced(stockClient(url, 'agent%3Aa1/users', token))
  })
})

describe('who may only read', () => {
  test('gets a nack for a write on a link, and goes on reading', async () => {
    const { url } = await securedRelay()
    const [author, reader] = [
      await linked(url, await mint()),
      await linked(url, await mint({ grants: reading })),
    ]
    await author.open('my-doc')
    const { append } = writer(1)
    const first = append('a')
    author.send(stateFrame(first))
    await author.next('ack', ({ level }) => level === 'durable')
    const { relayChannel } = await reader.open('my-doc')
    // What the relay has already is no write: a replica sends all that it has when it opens.
    reader.send(stateFrame(first))
    await reader.next('ack', ({ level }) => level === 'durable')
    const update = writer(2).append('b')
    reader.send({ type: 'update', channel: 1, seq: 2, update })
    expect(await reader.next('nack')).toMatchObject({ channel: 1, seq: 2, code: 'ACCESS_DENIED' })
    author.send({ type: 'update', channel: 1, seq: 2, update: append('c') })
    expect((await reader.next('update')).channel).toBe(relayChannel)
    const { doc } = await (await linked(url, await mint())).open('my-doc')
    expect(doc.getText('text').toString()).toBe('ac')
  })

  test('gets the word on a stock socket, for each write, and goes on reading', async () => {
    const { url, events } = await securedRelay()
    const reader = stockClient(url, 'my-doc', await mint({ grants: reading }))
    const author = stockClient(url, 'my-doc', await mint())
    await Promise.all([synced(reader), synced(author)])
    reader.doc.getText('text').insert(0, 'x')
    reader.doc.getText('text').insert(0, 'y')
    const denied = () => events.filter(({ code }) => code === 'ACCESS_DENIED').length
    await waitUntil(() => denied() >= 2)
    author.doc.getText('text').insert(0, 'seen')
    await waitUntil(() => reader.doc.getText('text').toString().includes('seen'))
    expect(author.doc.getText('text').toString()).toBe('seen')
  })
})

describe('a token that ends', () => {
  test('ends a link with 4501, unless it sends a fresh one when it is asked', async () => {
    const time = manualTime()
    const limits = { deadMilliseconds: 1_000_000, pingMilliseconds: 1_000_000 }
    const { url, events } = await securedRelay({ time, limits })
    const [lazy, renewing] = [
      await linked(url, await mint({ time })),
      await linked(url, await mint({ time })),
    ]
    await Promise.all([lazy.open('my-doc'), renewing.open('my-doc')])
    time.advance(30_000)
    expect(await lazy.next('token')).toEqual({ type: 'token', token: '' })
    await renewing.next('token')
    renewing.send({ type: 'token', token: await mint({ time }) })
    await waitUntil(() => events.some(({ event }) => event === 'renewed'))
    time.advance(30_000)
    expect(await lazy.closed).toBe(4501)
    await renewing.settled()
    await renewing.next('token')
    time.advance(30_000)
    expect(await renewing.closed).toBe(4501)
  })

  test('ends a stock socket with 4501', async () => {
    const time = manualTime()
    const { url } = await securedRelay({ time })
    const socket = new WebSocket(`${url}/my-doc?token=${await mint({ time })}`)
    onTestFinished(() => socket.terminate())
    await once(socket, 'message')
    time.advance(60_000)
    expect((await once(socket, 'close'))[0]).toBe(4501)
  })

  test('is not followed by one of somebody else, or a bad one', async () => {
    const { url } = await securedRelay()
    const [stealing, broken] = [await linked(url, await mint()), await linked(url, await mint())]
    stealing.send({ type: 'token', token: await mint({ subject: 'somebody else' }) })
    expect(await stealing.closed).toBe(4403)
    broken.send({ type: 'token', token: 'x' })
    expect(await broken.closed).toBe(4401)
  })

  test('may be followed by one that allows less: channels are refused, or read only', async () => {
    const { url } = await securedRelay()
    const client = await linked(url, await mint())
    await client.open('room:r1/users', 1)
    await client.open('room:r2/users', 2)
    const grants = [{ scope: 'room:r1', partition: '*', rights: 'read' }] as const
    client.send({ type: 'token', token: await mint({ grants }) })
    expect(await client.next('nack')).toMatchObject({ channel: 2, seq: 0, code: 'ACCESS_DENIED' })
    client.send(stateFrame(writer(1).append('a')))
    expect(await client.next('nack')).toMatchObject({ channel: 1, seq: 1, code: 'ACCESS_DENIED' })
  })
})

describe('a revocation', () => {
  test('closes the connections of a subject with 4403, refuses its tokens, and lets others be', async () => {
    const time = manualTime()
    const storage = createMemoryStorage()
    const { url, relay } = await securedRelay({ time, storage })
    const token = await mint({ time })
    const client = await linked(url, token)
    const other = await linked(url, await mint({ time, subject: 'other' }))
    const socket = new WebSocket(`${url}/my-doc?token=${token}`)
    onTestFinished(() => socket.terminate())
    await once(socket, 'message')
    await relay.revoke({ subject: 'agent-7' })
    expect((await once(socket, 'close'))[0]).toBe(4403)
    expect(await client.closed).toBe(4403)
    await other.settled()
    expect(await new Client(url, token).closed).toBe(4403)
    time.advance(1000)
    await (await linked(url, await mint({ time }))).settled()
    await relay.close()

    const again = await securedRelay({ time, storage })
    expect(await new Client(again.url, token).closed).toBe(4403)
  })

  test('of one token lets others of its subject be', async () => {
    const { url, relay } = await securedRelay()
    const [bad, good] = [
      await linked(url, await mint({ id: 'stolen' })),
      await linked(url, await mint({ id: 'other' })),
    ]
    await relay.revoke({ tokenId: 'stolen' })
    expect(await bad.closed).toBe(4403)
    await good.settled()
  })

  test('is refused where no tokens are asked for', async () => {
    const { relay } = await runningRelay()
    await expect(relay.revoke({ subject: 'a' })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})

describe('an address beyond this machine', () => {
  test('is not listened to without tokens, unless it is asked for', async () => {
    const relay = await createRelay({ storage: createMemoryStorage() })
    await expect(listen(relay, { host: '0.0.0.0', port: 0 })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
    })
    const server = await listen(relay, { host: '0.0.0.0', port: 0, insecure: true })
    await server.close()
    const { server: secured } = await securedRelay({}, { host: '0.0.0.0' })
    expect(secured.port).toBeGreaterThan(0)
  })
})

describe('a page in a browser', () => {
  /** Whether a page of an origin may connect. */
  async function connects(url: string, origin: string): Promise<boolean> {
    const socket = new WebSocket(`${url}/my-doc`, { origin })
    onTestFinished(() => socket.terminate())
    return new Promise(resolve => {
      socket.once('open', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
  }

  test('of this machine alone may connect where no tokens are asked for', async () => {
    const { url } = await runningRelay()
    expect(await connects(url, 'http://localhost:5173')).toBe(true)
    expect(await connects(url, 'http://127.0.0.1')).toBe(true)
    expect(await connects(url, 'https://evil.example')).toBe(false)
    expect(await connects(url, 'http://localhost.evil.example')).toBe(false)
    expect(await connects(url, 'http://127.0.0.1.evil.example')).toBe(false)
    expect(await connects(url, 'null')).toBe(false)
  })

  test('must be of an origin on the list, if there is one', async () => {
    const { url } = await securedRelay({}, { origins: ['https://app.example'] })
    expect(await connects(url, 'https://app.example')).toBe(true)
    expect(await connects(url, 'https://app.example:8443')).toBe(false)
    expect(await connects(url, 'http://localhost')).toBe(false)
  })
})
