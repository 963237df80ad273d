/** Who is in a scope, through a relay and through peers: seen, changed, gone, and nobody else's. */
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  createMemoryNetwork,
  createMemoryStorage,
  type Grant,
  type Link,
  mintToken,
  openReplica,
  type Presence,
  type ReplicaOptions,
  room,
  StatemeshError,
  type Transport,
  tokenVerifier,
} from '../../src/index.ts'
import { type AwarenessEntry, encodeAwarenessUpdate } from '../../src/protocol/awareness-update.ts'
import { decodeMessage, encodeFrame, type Frame } from '../../src/protocol/frame.ts'
import { websocketTransport } from '../../src/transport/websocket-transport.ts'
import { runningRelay } from '../server/running-relay.ts'
import { stockClient, synced } from '../server/stock-clients.ts'
import { manualTime } from '../support/manual-time.ts'
import { waitUntil } from '../support/wait-until.ts'
import { linked, openPeer, scope } from './peers.ts'

const secret = 'a secret of more than thirty-two bytes'
const document = 'room:r1/presence'

/** Everybody whom a member sees, as `actor role`, in the order of their names. */
const seen = (here: Presence) =>
  here
    .members()
    .map(({ actor, role }) => `${actor} ${role}`)
    .sort()
    .join(', ')

/** A member that has said its role, and everything that keeps it. */
async function member(actor: string, role: string, options: Partial<ReplicaOptions>) {
  const replica = await openPeer(actor, { listen: [], ...options })
  const here = await replica.presence(scope)
  here.set({ role })
  return { replica, here }
}

describe('members of a scope through a relay', () => {
  it('see one another, with role and state, as these change and end', async () => {
    const { url } = await runningRelay()
    const ann = await member('ann', 'planner', { relay: url })
    const bob = await member('bob', 'critic', { relay: url })
    const both = 'ann planner, bob critic'
    await waitUntil(() => seen(ann.here) === both && seen(bob.here) === both)
    expect(ann.here.members().filter(({ self }) => self)).toMatchObject([{ actor: 'ann' }])
    const heard: unknown[] = []
    bob.here.subscribe(members => heard.push(members.find(({ actor }) => actor === 'ann')?.state))
    ann.here.set({ role: 'planner', state: { task: 7 } })
    await waitUntil(() => heard.length > 0)
    expect(heard.at(-1)).toEqual({ task: 7 })
    ann.here.leave()
    await waitUntil(() => seen(bob.here) === 'bob critic')
    expect(ann.here.members()).toEqual([])
    expect(() => ann.here.set({})).toThrow('left')
  })

  it('are gone when their link ends, and back with the next one', async () => {
    const { url } = await runningRelay()
    const ann = await member('ann', 'planner', { relay: url })
    const bob = await member('bob', 'critic', { relay: url })
    await waitUntil(() => ann.here.members().length === 2 && bob.here.members().length === 2)
    ann.replica.disconnect()
    await waitUntil(() => seen(bob.here) === 'bob critic')
    ann.replica.connect()
    await waitUntil(() => seen(bob.here) === 'ann planner, bob critic')
  })

  it('see stock clients, and are seen by them', async () => {
    const { url } = await runningRelay()
    const stock = stockClient(url, document)
    await synced(stock)
    const { awareness } = stock.provider
    awareness.setLocalState({ user: { name: 'sue' } })
    const { here } = await member('ann', 'planner', { relay: url })
    await waitUntil(() => here.members().length === 2)
    expect(here.members().find(({ id }) => id === stock.doc.clientID)).toMatchObject({
      actor: undefined,
      state: { user: { name: 'sue' } },
    })
    await waitUntil(() => awareness.getStates().has(here.id))
    expect(awareness.getStates().get(here.id)).toEqual({ actor: 'ann', role: 'planner' })
  })

  it('bear the names of their tokens, and are nothing to whoever may not read the scope', async () => {
    const { url } = await runningRelay({ tokens: tokenVerifier({ secret }) })
    const open = async (subject: string, actor: string, grant: Grant) => {
      const token = await mintToken(secret, { subject, grants: [grant], seconds: 60 })
      return member(actor, 'r', { relay: url, token })
    }
    const grant = (scope: Grant['scope'], rights: Grant['rights']): Grant => ({
      ...{ scope, partition: '*', rights },
    })
    const ann = await open('ann', 'boss', grant('room:r1', 'write'))
    const bob = await open('bob', 'boss', grant('room:r1', 'read'))
    const eve = await open('eve', 'ann', grant('room:r2', 'write'))
    await waitUntil(() => seen(ann.here) === 'bob r, boss r' && seen(bob.here) === 'ann r, boss r')
    await eve.replica.flush()
    expect(seen(eve.here)).toBe('ann r')
    expect(ann.here.members()).toHaveLength(2)
  })
})

describe('members of a scope among peers', () => {
  it('are seen by way of others, and gone when they leave or close', async () => {
    const bob = await member('bob', 'critic', { listen: { port: 0 } })
    const peers = bob.replica.addresses
    const ann = await member('ann', 'planner', { peers })
    const cid = await member('cid', 'coder', { peers })
    const all = 'ann planner, bob critic, cid coder'
    await waitUntil(() => [ann, bob, cid].every(({ here }) => seen(here) === all))
    ann.here.leave()
    await waitUntil(() => seen(cid.here) === 'bob critic, cid coder')
    await cid.replica.close()
    await waitUntil(() => seen(bob.here) === 'bob critic')
  })

  it('may be many of one replica, up to a limit', async () => {
    const bob = await member('bob', 'critic', { listen: { port: 0 } })
    const ann = await member('ann', 'planner', { peers: bob.replica.addresses })
    const second = await ann.replica.presence(scope, { actor: 'amy' })
    second.set({ role: 'scout' })
    await waitUntil(() => seen(bob.here) === 'amy scout, ann planner, bob critic')
    expect(seen(ann.here)).toBe(seen(second))
    for (let count = 2; count < 16; count++) await ann.replica.presence(scope)
    await expect(ann.replica.presence(scope)).rejects.toMatchObject({ code: 'LIMIT_REACHED' })
  })

  it('are gone 30 s after the last word, and stay as long as they repeat it', async () => {
    const time = manualTime()
    const bob = await member('bob', 'critic', { listen: { port: 0 }, time })
    const ann = await member('ann', 'planner', { peers: bob.replica.addresses })
    await waitUntil(() => seen(bob.here) === 'ann planner, bob critic')
    ann.replica.disconnect()
    await waitUntil(() => linked(bob.replica).length === 0)
    time.advance(25_000)
    expect(seen(bob.here)).toContain('ann planner')
    time.advance(10_000)
    expect(seen(bob.here)).not.toContain('ann planner')
    const [{ since, lastSeen } = { since: 0, lastSeen: 0 }] = bob.here.members()
    expect(lastSeen - since).toBe(35_000)
  })

  it('say it again by the clock, once for all links', async () => {
    const time = manualTime()
    const network = createMemoryNetwork()
    const names = ['a', 'b', 'c']
    const all = await Promise.all(
      names.map(name =>
        member(name, 'r', {
          ...{ time, transport: network },
          listen: network.acceptor(`memory:${name}`),
          peers: names.filter(other => other !== name).map(other => `memory:${other}`),
        }),
      ),
    )
    const everybody = 'a r, b r, c r'
    await waitUntil(async () => {
      await time.advanceAsync(60)
      return all.every(
        ({ here, replica }) => seen(here) === everybody && linked(replica).length === 2,
      )
    })
    for (let step = 0; step < 20; step++) await time.advanceAsync(50)
    let told = 0
    const stop = all.map(({ here }) => here.subscribe(() => (told += 1)))
    for (let step = 0; step < 40; step++) await time.advanceAsync(50)
    expect(told).toBeLessThanOrEqual(6) // one announcement of each may fall into two seconds
    for (const end of stop) end()
    for (let step = 0; step < 12; step++) await time.advanceAsync(5_000)
    for (const { here } of all) expect(seen(here)).toBe(everybody)
  })

  it('bear the names of their tokens, and are not passed on', async () => {
    const tokens = tokenVerifier({ secret })
    const trusted = async (subject: string, options: Partial<ReplicaOptions> = {}) => {
      const grants: Grant[] = [{ scope: 'global', partition: '*', rights: 'write' }]
      const token = await mintToken(secret, { subject, grants, seconds: 60 })
      return member('boss', 'r', { tokens, token, ...options })
    }
    const bob = await trusted('bob', { listen: { port: 0 } })
    const peers = bob.replica.addresses
    const [ann, cid] = [await trusted('ann', { peers }), await trusted('cid', { peers })]
    await waitUntil(() => seen(bob.here) === 'ann r, boss r, cid r')
    await waitUntil(() => seen(ann.here) === 'bob r, boss r' && seen(cid.here) === 'bob r, boss r')
  })
})

describe('members of a scope through a relay and among peers', () => {
  it('all see one another, whichever way, and who goes', async () => {
    const { url } = await runningRelay()
    const bob = await member('bob', 'both', { listen: { port: 0 }, relay: url })
    const ann = await member('ann', 'relay', { relay: url })
    const cid = await member('cid', 'peer', { peers: bob.replica.addresses })
    const all = 'ann relay, bob both, cid peer'
    await waitUntil(() => [ann, bob, cid].every(({ here }) => seen(here) === all))
    const later = await member('dan', 'relay', { relay: url })
    await waitUntil(() => seen(later.here) === `${all}, dan relay`)
    cid.here.leave()
    await waitUntil(() => seen(ann.here) === 'ann relay, bob both, dan relay')
    bob.replica.disconnect()
    bob.replica.connect()
    await waitUntil(() => seen(ann.here) === 'ann relay, bob both, dan relay')
  })

  it('are told to the relay when that is reached after the peers', async () => {
    const { url } = await runningRelay()
    const ann = await member('ann', 'relay', { relay: url })
    const cid = await member('cid', 'peer', { listen: { port: 0 } })
    const late = lateTransport(url)
    const options = { relay: url, peers: cid.replica.addresses, transport: late.transport }
    const bob = await member('bob', 'both', options)
    await waitUntil(() => seen(bob.here) === 'bob both, cid peer')
    late.open()
    bob.replica.connect()
    await waitUntil(() => seen(ann.here) === 'ann relay, bob both, cid peer')
  })

  it('stay for those who are linked with them when the relay has lost them', async () => {
    const tokens = tokenVerifier({ secret })
    const { url } = await runningRelay({ tokens })
    const trusted = async (subject: string, options: Partial<ReplicaOptions>) => {
      const grants: Grant[] = [{ scope: 'global', partition: '*', rights: 'write' }]
      const token = await mintToken(secret, { subject, grants, seconds: 60 })
      return member(subject, 'r', { relay: url, tokens, token, ...options })
    }
    const ann = await trusted('ann', { listen: { port: 0 } })
    const late = lateTransport(url)
    late.open()
    const bob = await trusted('bob', { peers: ann.replica.addresses, transport: late.transport })
    const eve = await trusted('eve', {})
    const all = 'ann r, bob r, eve r'
    await waitUntil(() => [ann, bob, eve].every(({ here }) => seen(here) === all))
    await waitUntil(() => linked(ann.replica).length === 1)
    late.close()
    await waitUntil(() => seen(eve.here) === 'ann r, eve r')
    await ann.replica.synced()
    expect(seen(ann.here)).toBe(all)
  })
})

/** A transport that reaches one address only from `open` to `close`. */
function lateTransport(address: string) {
  const direct = websocketTransport()
  const links = new Set<Link>()
  let isOpen = false
  const transport: Transport = {
    async dial(to, options) {
      if (to === address && !isOpen) throw new StatemeshError('LINK_FAILED', 'not there')
      const link = await direct.dial(to, options)
      if (to === address) links.add(link)
      return link
    },
  }
  const close = () => {
    isOpen = false
    for (const link of links) link.close(1000, '')
  }
  return { transport, open: () => (isOpen = true), close }
}

describe('a peer that says who is here', () => {
  /** A replica with a member, and the end of a link on which its presence is open. */
  async function strangerOf() {
    const network = createMemoryNetwork()
    const time = manualTime()
    const storage = createMemoryStorage()
    const listen = network.acceptor('memory:a')
    const replica = await openReplica({ actor: 'ann', storage, time, listen, transport: network })
    onTestFinished(() => replica.close())
    const here = await replica.presence(scope)
    here.set({ role: 'planner' })
    time.advance(0)
    const link = await network.dial('memory:a', {
      messageBytesMax: 2 ** 26,
      timeoutMilliseconds: 1_000,
    })
    const [received, closes]: [Frame[], number[]] = [[], []]
    link.start({
      message: message => received.push(...decodeMessage(message)),
      close: code => closes.push(code),
    })
    const generation = 'g'
    const sendFrames = (...frames: Frame[]) => {
      for (const frame of frames) link.send(encodeFrame(frame))
    }
    sendFrames(
      {
        type: 'hello',
        version: 1,
        node: 's',
        messageBytesMax: 2 ** 24,
        windowBytes: 0,
        generation,
      },
      { type: 'peer', store: 'evil', address: '', token: '' },
      { type: 'open', channel: 1, document, generation, stateVector: Uint8Array.of(0) },
    )
    await waitUntil(() => received.some(({ type }) => type === 'awareness'))
    const send = (...entries: AwarenessEntry[]) =>
      sendFrames({ type: 'awareness', channel: 1, update: encodeAwarenessUpdate(entries) })
    return { replica, here, time, received, closes, send, sendFrames }
  }
  const state = '{"actor":"x"}'

  it('too long, or malformed, is cut off', async () => {
    const cases: AwarenessEntry[] = [
      { clientID: 1, clock: 1, state: JSON.stringify('x'.repeat(16_385)) },
      { clientID: 1, clock: 1, state: '{' },
    ]
    for (const entry of cases) {
      const { send, closes, here } = await strangerOf()
      send(entry)
      await waitUntil(() => closes.length === 1)
      expect(closes).toEqual([4400])
      expect(seen(here)).toBe('ann planner')
    }
  })

  it('in great numbers fills no more than the room there is', async () => {
    const { send, here, time, closes } = await strangerOf()
    const ids = Array.from({ length: 4_096 }, (_, id) => id)
    send(...ids.map(clientID => ({ clientID, clock: 1, state })))
    await waitUntil(() => here.members().length === 1_025)
    time.advance(35_000)
    expect(seen(here)).toBe('ann planner')
    expect(closes).toEqual([])
  })

  it('too often is not heard, and in the end cut off', async () => {
    const { send, time, here, closes } = await strangerOf()
    const entries = Array.from({ length: 2_100 }, (_, id) => ({ clientID: id, clock: 0, state }))
    for (let second = 0; closes.length === 0 && second < 20; second++) {
      for (let repeat = 0; repeat < 4; repeat++) send(...entries)
      await time.advanceAsync(1_000)
    }
    await waitUntil(() => closes.length === 1)
    expect(here.members().length).toBeLessThanOrEqual(1_025)
  })

  it('cannot take a member off for good, nor bring back who is gone', async () => {
    const { send, time, here, received } = await strangerOf()
    send()
    send({ clientID: here.id, clock: 1_000, state: undefined })
    const clocks = () => received.filter(({ type }) => type === 'awareness').length
    const before = clocks()
    await waitUntil(async () => {
      await time.advanceAsync(60)
      return clocks() > before
    })
    expect(seen(here)).toBe('ann planner')
    send({ clientID: 5, clock: 3, state })
    await waitUntil(() => here.members().length === 2)
    send({ clientID: 5, clock: 4, state: undefined })
    await waitUntil(() => here.members().length === 1)
    send({ clientID: 5, clock: 4, state }, { clientID: 6, clock: 2 ** 41, state })
    send({ clientID: 7, clock: 1, state })
    await waitUntil(() => here.members().length === 2)
    expect(here.members().some(({ id }) => id === 5 || id === 6)).toBe(false)
  })

  it('late cannot bring back who has left this replica', async () => {
    const { replica, send, time, here } = await strangerOf()
    const other = await replica.presence(scope)
    other.set({ role: 'critic' })
    await time.advanceAsync(60)
    other.leave()
    send({ clientID: other.id, clock: 1, state }, { clientID: 7, clock: 1, state })
    await waitUntil(() => here.members().length > 1)
    expect(here.members().map(({ id }) => id)).not.toContain(other.id)
  })
})

describe('a member', () => {
  it('says what JSON can say, and not too much of it', async () => {
    const { here } = await member('ann', 'planner', {})
    expect(() => here.set({ state: 1n })).toThrow('JSON')
    expect(() => here.set({ state: 'x'.repeat(16_384) })).toThrow('16384')
    expect(seen(here)).toBe('ann planner')
    const elsewhere = await (await openPeer('bob')).presence(room('r2'))
    expect(elsewhere.members()).toEqual([])
  })
})
