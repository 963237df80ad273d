import { createHash } from 'node:crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import * as Y from 'yjs'
import { z } from 'zod'
import { openEvents } from '../../../src/history/events/event-store.ts'
import {
  DigestExchange,
  openDigests,
  type PublishedDigest,
} from '../../../src/history/integrity/digest-exchange.ts'
import { documentDigest, stateDigest } from '../../../src/history/integrity/document-digest.ts'
import {
  balanceCheck,
  orphanCheck,
  schemaCheck,
  sequenceCheck,
  supplyCheck,
  timestampCheck,
} from '../../../src/history/integrity/integrity-check.ts'
import {
  IntegrityMonitor,
  type IntegrityReport,
} from '../../../src/history/integrity/integrity-monitor.ts'
import { validateEvents, validateRegisters } from '../../../src/history/integrity/validation.ts'
import { definePartition, room } from '../../../src/index.ts'
import { openPartition } from '../../../src/partition/open-partition.ts'
import { pull, type TestHost, testHost } from '../../partition/replica-model.ts'
import { manualTime } from '../../support/manual-time.ts'
import { Bank } from '../bank.ts'
import { settle, startPair } from '../pair.ts'
import { Users } from '../users.ts'

const ascii = (text: string) => [...Buffer.from(text)]
const here = room('r1')
const coded = (code: string) => expect.objectContaining({ code })

describe('validation', () => {
  it('reports all violations of what is stored, whoever wrote it', async () => {
    const { ann, bob } = await startPair()
    const Loose = definePartition({ name: 'users', policy: 'last-write-wins' })
    const loose = await bob.open(here, Loose)
    const users = await ann.open(here, Users)
    users.set('fine', { name: 'Ann' })
    loose.set('no name', { status: 5 })
    loose.set('text', 'Bob')
    await settle(ann, bob)
    const { valid, checked, violations } = validateRegisters(Users, users)
    expect({ valid, checked }).toEqual({ valid: false, checked: 3 })
    const places = violations.map(({ place, path, actor }) => [place, path.join('.'), actor])
    expect(places.sort()).toEqual([
      ['no name', 'name', 'bob'],
      ['no name', 'status', 'bob'],
      ['text', '', 'bob'],
    ])
    loose.delete('no name')
    loose.delete('text')
    await settle(ann, bob)
    expect(validateRegisters(Users, users)).toEqual({ valid: true, checked: 1, violations: [] })
  })

  it('looks at the entries that do not win, too', async () => {
    const { ann, bob } = await startPair()
    const loose = await bob.open(
      here,
      definePartition({ name: 'users', policy: 'last-write-wins' }),
    )
    const users = await ann.open(here, Users)
    bob.disconnect()
    loose.set('a', 1)
    users.set('a', { name: 'Ann' })
    await settle(ann, bob)
    expect(validateRegisters(Users, users)).toMatchObject({ checked: 2, valid: false })
  })

  it('checks events, and survives a schema that throws', async () => {
    const { ann } = await startPair()
    const events = await openEvents(ann, here, Bank)
    const log = await ann.open(here, Bank.partition)
    events.emit('closed', { account: 'x' })
    log.append({ type: 'closed', data: {} })
    log.append({ type: 'robbed', data: {} })
    expect(validateEvents(Bank, log).violations.map(({ path }) => path.join())).toEqual([
      'account',
      'type',
    ])
    const users = await ann.open(here, Users)
    users.set('a', { name: 'a' })
    const schema = z.unknown().transform(() => {
      throw new Error('no')
    })
    expect(validateRegisters({ schema }, users)).toMatchObject({ violations: [{ message: 'no' }] })
  })
})

describe('checks', () => {
  const run = async (check: { name: string; run(): unknown }) =>
    (await new IntegrityMonitor({ checks: [check as never] }).run()).issues

  it('find negative balances, and more than there may be', async () => {
    const { ann } = await startPair()
    const Balances = definePartition<number>({ name: 'balances', policy: 'last-write-wins' })
    const balances = await ann.open(here, Balances)
    const amountOf = (amount: number) => amount
    let supply: number | undefined = 10
    const supplied = supplyCheck('supply', balances, { amountOf, supply: () => supply })
    balances.set('a', 9)
    expect(await run(supplied)).toEqual([])
    balances.set('b', 2)
    balances.set('c', -0.5)
    expect(await run(supplied)).toMatchObject([
      { check: 'supply', kind: 'supply-exceeded', details: { total: 10.5, supply: 10 } },
    ])
    supply = undefined
    expect(await run(supplied)).toEqual([])
    expect(await run(balanceCheck('balance', balances, amountOf))).toMatchObject([
      { kind: 'negative-balance', key: 'c', details: { amount: -0.5 } },
    ])
  })

  it('find times that are none, and clocks that are ahead', async () => {
    const { fleet, ann } = await startPair()
    const time = manualTime(Date.now() + 3_600_000)
    const fast = await fleet.open('fast', { time })
    const Times = definePartition<{ at?: unknown }>({ name: 'times', policy: 'last-write-wins' })
    const times = await ann.open(here, Times)
    times.set('fine', { at: Date.now() })
    times.set('future', { at: Date.now() + 120_000 })
    times.set('text', { at: 'noon' })
    times.set('none', {})
    ;(await fast.open(here, Times)).set('fast', { at: 0 })
    await settle(fast, ann)
    const check = timestampCheck('times', times, {
      time: manualTime(Date.now()),
      timesOf: ({ at }) => ({ at }),
    })
    const found = (await run(check)).map(({ key, details }) => [key, details?.field])
    expect(found.sort()).toEqual([
      ['fast', 'written'],
      ['future', 'at'],
      ['none', 'at'],
      ['text', 'at'],
    ])
  })

  it('find gaps in sequences, and orphans', async () => {
    const { ann } = await startPair()
    const events = await openEvents(ann, here, Bank)
    for (const account of ['x', 'y', 'z']) events.emit('closed', { account })
    expect(await run(sequenceCheck('events', events))).toEqual([])
    const raw = await ann.open(here, { ...Bank.partition, policy: 'crdt' as const })
    const lane = [...raw.doc.share.keys()].find(root => root.startsWith('lane:')) as string
    raw.doc.get(lane, Y.Array).delete(1, 1)
    expect(await run(sequenceCheck('events', events))).toMatchObject([
      { kind: 'sequence-gap', details: { code: 'LOG_GAP', seq: 1 } },
    ])
    const Messages = definePartition<{ userId: string }>({
      name: 'messages',
      policy: 'last-write-wins',
    })
    const messages = await ann.open(here, Messages)
    const users = await ann.open(here, Users)
    users.set('u1', { name: 'Ann' })
    messages.set('m1', { userId: 'u1' })
    messages.set('m2', { userId: 'u2' })
    const orphans = orphanCheck('messages', messages, {
      parentsOf: ({ userId }) => [userId],
      hasParent: key => users.has(key),
    })
    expect(await run(orphans)).toMatchObject([
      { kind: 'orphan', key: 'm2', details: { parent: 'u2' } },
    ])
  })
})

describe('digests', () => {
  const Digests = definePartition<PublishedDigest, 'last-write-wins'>({
    name: 'digests',
    policy: 'last-write-wins',
  })
  const Content = definePartition({ name: 'content', policy: 'crdt' })

  function exchangeOf(node: string, content: TestHost, digests: TestHost): DigestExchange {
    const documents = new Map([['content', openPartition(Content, content)]])
    return new DigestExchange(node, documents, openPartition(Digests, digests))
  }

  it('agree between replicas that are in step, and say nothing of others', async () => {
    const { ann, bob } = await startPair()
    const anns = await ann.open(here, Users)
    const bobs = await bob.open(here, Users)
    const options = { partitions: ['users'] }
    const annDigests = await openDigests(ann, here, options)
    const bobDigests = await openDigests(bob, here, options)
    for (let n = 0; n < 20; n++) (n % 2 ? anns : bobs).set(`k${n % 3}`, { name: String(n) })
    annDigests.publish()
    await settle(ann, bob)
    bobDigests.publish()
    await settle(ann, bob)
    const held = (exchange: DigestExchange) => exchange.own().map(own => ({ ...own, node: '' }))
    expect(held(annDigests)).toEqual(held(bobDigests))
    expect([...annDigests.compare(), ...bobDigests.compare()]).toEqual([])
    await expect(openDigests(ann, here, { partitions: ['digests'] })).rejects.toThrow(
      coded('PARTITION_INVALID'),
    )
  })

  it('find replicas that have diverged although their state vectors are equal', () => {
    const [one, other] = [testHost({ writer: 7 }), testHost({ writer: 7 })]
    const [oneDigests, otherDigests] = [testHost({ writer: 1 }), testHost({ writer: 2 })]
    const ones = exchangeOf('one', one, oneDigests)
    const others = exchangeOf('other', other, otherDigests)
    // One client id in use twice, as after a disk image was copied.
    one.doc.getMap('m').set('k', 1)
    other.doc.getMap('m').set('k', 2)
    pull(one, other)
    pull(other, one)
    ones.publish()
    pull(oneDigests, otherDigests)
    expect(others.compare()).toMatchObject([
      { kind: 'digest-mismatch', details: { partition: 'content', nodes: ['one', 'other'] } },
    ])
  })

  it('do not depend on how updates came, nor on what was freed', () => {
    const source = new Y.Doc()
    const updates: Uint8Array[] = []
    source.on('update', update => updates.push(update))
    const kept = new Y.Doc({ gc: false })
    for (let n = 0; n < 30; n++) {
      source.getArray('a').push([n, { n }])
      source.getMap('m').set(`k${n % 4}`, n)
      source.getText('t').insert(0, 'ab')
      source.getText('t').format(0, 1, { bold: true })
      if (n % 3 === 0) source.getArray('a').delete(0, 1)
    }
    const merged = new Y.Doc()
    Y.applyUpdate(merged, Y.mergeUpdates(updates))
    for (const update of updates) Y.applyUpdate(kept, update)
    const loaded = new Y.Doc()
    Y.applyUpdate(loaded, Y.encodeStateAsUpdate(source))
    for (const doc of [merged, kept, loaded]) {
      expect(documentDigest(doc)).toBe(documentDigest(source))
      expect(stateDigest(doc)).toBe(stateDigest(source))
    }
    source.getMap('m').delete('k1')
    expect(documentDigest(source)).not.toBe(documentDigest(loaded))
  })

  it('do not depend on the names of classes, which are others in a minified bundle', () => {
    const doc = new Y.Doc()
    doc.getArray<unknown>('a').push([new Y.Map(), new Y.Text('b'), new Y.XmlElement('p')])
    const plain = documentDigest(doc)
    for (const type of [Y.Map, Y.Text, Y.XmlElement]) {
      const name = Object.getOwnPropertyDescriptor(type, 'name') as PropertyDescriptor
      Object.defineProperty(type, 'name', { ...name, value: 'e' })
      onTestFinished(() => void Object.defineProperty(type, 'name', name))
    }
    expect(documentDigest(doc)).toBe(plain)
  })

  it('tell types apart, and elements by their names', () => {
    const digests = [new Y.Map(), new Y.Array(), new Y.XmlElement('p'), new Y.XmlElement('q')].map(
      type => {
        const doc = new Y.Doc()
        doc.clientID = 1
        doc.getArray<unknown>('a').push([type])
        return documentDigest(doc)
      },
    )
    expect(new Set(digests).size).toBe(4)
  })

  it('are those that PROTOCOL.md says', () => {
    const doc = new Y.Doc()
    doc.clientID = 7
    doc.getMap('m').set('k', 1)
    doc.getMap('m').set('k', 2)
    doc.getArray<unknown>('a').push([new Y.Map()])
    // client 7; { deleted: 1 }; ['k', 2]; [null, { type: 1 }]
    const bytes = [
      [7],
      [0x76, 1, 7, ...ascii('deleted'), 0x7d, 1],
      [0x75, 2, 0x77, 1, ...ascii('k'), 0x7d, 2],
      [0x75, 2, 0x7e, 0x76, 1, 4, ...ascii('type'), 0x74, 1, 1],
    ]
    const hash = createHash('sha256').update(Uint8Array.from(bytes.flat()))
    expect(documentDigest(doc)).toBe(hash.digest('hex'))
  })
})

describe('a monitor', () => {
  it('runs by the clock, keeps what it found, and outlives a check that throws', async () => {
    const time = manualTime()
    let issues = 0
    const monitor = new IntegrityMonitor({
      time,
      everyMilliseconds: 1000,
      issuesMax: 2,
      checks: [
        {
          name: 'own',
          run: () => Array.from({ length: issues }, () => ({ kind: 'mine', message: 'm' })),
        },
        {
          name: 'broken',
          run: async () => {
            if (issues > 0) throw new Error('no')
            return []
          },
        },
      ],
    })
    const reports: IntegrityReport[] = []
    monitor.subscribe(report => reports.push(report))
    monitor.start()
    monitor.start()
    await time.advanceAsync(0)
    expect(reports).toMatchObject([{ healthy: true, issues: [], checkedAt: time.now() }])
    issues = 2
    await time.advanceAsync(1000)
    expect(monitor.latest).toMatchObject({
      healthy: false,
      more: 1,
      issues: [{ check: 'own' }, {}],
    })
    issues = 1
    await time.advanceAsync(1000)
    expect(monitor.latest?.issues).toMatchObject([
      { check: 'own', kind: 'mine' },
      { check: 'broken', kind: 'check-failed', message: 'no' },
    ])
    monitor.stop()
    await time.advanceAsync(5000)
    expect(reports).toHaveLength(3)
    expect(monitor.run()).toBe(monitor.run())
  })

  it('refuses checks of one name, and schemas are a check too', async () => {
    const check = schemaCheck('users', () => ({
      valid: false,
      checked: 1,
      violations: [{ place: 'a', path: ['name'], message: 'm', actor: 'eve' }],
    }))
    expect(() => new IntegrityMonitor({ checks: [check, check] })).toThrow(coded('OPTION_INVALID'))
    const { issues } = await new IntegrityMonitor({ checks: [check] }).run()
    expect(issues).toMatchObject([{ check: 'users', kind: 'schema', key: 'a' }])
  })
})
