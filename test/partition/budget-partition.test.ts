import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { StatemeshError } from '../../src/base/error.ts'
import { manualTime } from '../support/manual-time.ts'
import { live, sync, type TestBudget, testBudget } from './budget-world/budget-pair.ts'

const refusedWith = (code: string) => expect.objectContaining({ code })

/** Whether a promise is settled by now, and how. */
function watch(promise: Promise<void>): { outcome: string } {
  const watched = { outcome: 'open' }
  promise.then(
    () => {
      watched.outcome = 'done'
    },
    (error: StatemeshError) => {
      watched.outcome = error.code
    },
  )
  return watched
}

/** Two replicas of one time; the first has minted. */
async function pair(options: { rules?: object; minted?: number } = {}) {
  const { rules = {}, minted = 100 } = options
  const time = manualTime()
  const ann = testBudget({ actor: 'ann', writer: 1, time, rules })
  const bob = testBudget({ actor: 'bob', writer: 2, time, rules })
  await ann.budget.mint('k', minted)
  sync(ann, bob)
  return { ann, bob, time }
}

describe('a debit', () => {
  it('counts only once it is durable here', async () => {
    const { ann } = await pair()
    ann.durable = false
    const debit = watch(ann.budget.debit('k', 30))
    await ann.time.advanceAsync(1_000)
    expect(debit.outcome).toBe('open')
    ann.durable = true
    await ann.time.advanceAsync(0)
    expect(debit.outcome).toBe('done')
    expect(ann.budget.balance('k')).toBe(70)
  })

  it('is refused at once when all that is known is not enough', async () => {
    const { ann, bob } = await pair()
    await expect(ann.budget.debit('k', 101)).rejects.toEqual(refusedWith('BUDGET_INSUFFICIENT'))
    await expect(bob.budget.debit('other', 1)).rejects.toEqual(refusedWith('BUDGET_INSUFFICIENT'))
  })

  it('cannot spend in two places what is there once', async () => {
    const { ann, bob } = await pair()
    await ann.budget.grant('k', 2, 40)
    sync(ann, bob)
    // From here on they are cut off from one another.
    await bob.budget.debit('k', 40)
    await ann.budget.debit('k', 60)
    const late = watch(bob.budget.debit('k', 1, { timeoutMilliseconds: 500 }))
    await bob.time.advanceAsync(1_000)
    expect(late.outcome).toBe('BUDGET_UNREACHABLE')
    sync(ann, bob)
    expect([ann.budget.balance('k'), bob.budget.balance('k')]).toEqual([0, 0])
    await expect(bob.budget.debit('k', 1)).rejects.toEqual(refusedWith('BUDGET_INSUFFICIENT'))
  })

  it('asks who has rights, and goes through when they are granted', async () => {
    const { ann, bob } = await pair()
    const debit = watch(bob.budget.debit('k', 25))
    await live(ann, bob, 300)
    expect(debit.outcome).toBe('done')
    expect(ann.budget.balance('k')).toBe(75)
    expect(ann.budget.ledger('k').spent).toEqual(new Map([['bob', 25]]))
  })

  it('shares what there is among many that ask', async () => {
    const time = manualTime()
    const ann = testBudget({ writer: 1, time })
    await ann.budget.mint('k', 30)
    const others = [2, 3, 4].map(writer => testBudget({ actor: `a${writer}`, writer, time }))
    for (const other of others) sync(ann, other)
    const greedy = watch((others[0] as TestBudget).budget.debit('k', 30))
    const modest = others.slice(1).map(({ budget }) => watch(budget.debit('k', 10)))
    for (const other of others) sync(ann, other)
    for (let round = 0; round < 8; round++) {
      await time.advanceAsync(50)
      for (const other of others) sync(ann, other)
    }
    expect(modest.map(({ outcome }) => outcome)).toEqual(['done', 'done'])
    await time.advanceAsync(6_000)
    expect(greedy.outcome).toMatch(/^BUDGET_/)
  })

  it('is given up by a signal', async () => {
    const { bob } = await pair()
    const controller = new AbortController()
    const debit = watch(bob.budget.debit('k', 5, { signal: controller.signal }))
    controller.abort()
    await bob.time.advanceAsync(0)
    expect(debit.outcome).toBe('BUDGET_UNREACHABLE')
  })

  it('is taken back when the disk fails', async () => {
    const { ann } = await pair()
    ann.diskFault = new StatemeshError('STORAGE_UNAVAILABLE', 'the disk is full')
    await expect(ann.budget.debit('k', 5)).rejects.toEqual(refusedWith('STORAGE_UNAVAILABLE'))
    expect(ann.budget.balance('k')).toBe(100)
    expect(ann.budget.ledger('k').recent.map(({ kind }) => kind)).toEqual(['mint'])
  })

  it('stops at the cap of its actor', async () => {
    const { ann, bob } = await pair({ rules: { actorCap: 10 } })
    await ann.budget.debit('k', 8)
    await expect(ann.budget.debit('k', 3)).rejects.toEqual(refusedWith('BUDGET_CAP'))
    const other = watch(bob.budget.debit('k', 10))
    await live(ann, bob, 300)
    expect(other.outcome).toBe('done')
  })

  it.each([0, -1, 1.5, Number.NaN, 2 ** 53, '5', 5n])('of %s is no amount', async amount => {
    const { ann } = await pair()
    await expect(ann.budget.debit('k', amount as number)).rejects.toEqual(
      refusedWith('VALUE_INVALID'),
    )
  })
})

describe('minting', () => {
  it('is the owner’s', async () => {
    const { ann, bob } = await pair({ rules: { owner: 'ann' } })
    await expect(bob.budget.mint('k', 1)).rejects.toEqual(refusedWith('BUDGET_OWNER'))
    expect(ann.budget.balance('k')).toBe(100)
  })

  it('through two replicas counts twice, and is told', async () => {
    const { ann, bob } = await pair()
    await bob.budget.mint('k', 100)
    sync(ann, bob)
    expect(ann.budget.balance('k')).toBe(200)
    expect([ann.reported, bob.reported]).toEqual([['BUDGET_OWNER'], ['BUDGET_OWNER']])
  })

  it('stays within what a number holds exactly', async () => {
    const { ann } = await pair()
    const mint = ann.budget.mint('k', Number.MAX_SAFE_INTEGER)
    await expect(mint).rejects.toEqual(refusedWith('VALUE_INVALID'))
  })
})

describe('credit and transfer', () => {
  it('a credit takes back what was spent here, and no more', async () => {
    const { ann, bob } = await pair()
    await ann.budget.debit('k', 30, { memo: 'search' })
    await ann.budget.credit('k', 10)
    expect([ann.budget.balance('k'), ann.budget.available('k')]).toEqual([80, 80])
    await expect(ann.budget.credit('k', 21)).rejects.toEqual(refusedWith('BUDGET_INSUFFICIENT'))
    await expect(bob.budget.credit('k', 1)).rejects.toEqual(refusedWith('BUDGET_INSUFFICIENT'))
    expect(ann.budget.ledger('k').recent).toMatchObject([
      { kind: 'mint', amount: 100 },
      { kind: 'debit', amount: 30, actor: 'ann', memo: 'search' },
      { kind: 'credit', amount: 10 },
    ])
  })

  it('a transfer moves money between keys as one update', async () => {
    const { ann, bob } = await pair()
    await ann.budget.transfer('k', 'l', 35)
    let updates = 0
    ann.doc.on('update', () => {
      updates += 1
    })
    await ann.budget.transfer('l', 'm', 5)
    expect(updates).toBe(1)
    sync(ann, bob)
    expect(Object.fromEntries(bob.budget.entries())).toEqual({ k: 65, l: 30, m: 5 })
    await expect(ann.budget.transfer('m', 'k', 6)).rejects.toEqual(
      refusedWith('BUDGET_INSUFFICIENT'),
    )
  })
})

describe('rights that are granted', () => {
  it('can be used only once the giver has the gift on disk', async () => {
    const { ann, bob } = await pair()
    ann.durable = false
    const grant = watch(ann.budget.grant('k', 2, 40))
    sync(ann, bob)
    expect([ann.budget.available('k'), bob.budget.available('k')]).toEqual([60, 0])
    ann.durable = true
    await ann.time.advanceAsync(0)
    sync(ann, bob)
    expect([grant.outcome, bob.budget.available('k')]).toEqual(['done', 40])
  })

  it('return when a lease ends and the holder is gone', async () => {
    const { ann, bob, time } = await pair({ rules: { skewMilliseconds: 100 } })
    await ann.budget.grant('k', 2, 40, { expiresInMilliseconds: 1_000 })
    sync(ann, bob)
    expect(bob.budget.available('k')).toBe(40)
    await bob.budget.debit('k', 15)
    sync(ann, bob)
    bob.budget.close()
    await time.advanceAsync(1_000)
    expect(ann.budget.available('k')).toBe(60)
    await time.advanceAsync(2_000)
    expect([ann.budget.available('k'), ann.budget.balance('k')]).toEqual([85, 85])
  })

  it('return key by key, each at the end of its own lease', async () => {
    const { ann, bob, time } = await pair({ rules: { skewMilliseconds: 100 } })
    await ann.budget.transfer('k', 'l', 50)
    await ann.budget.grant('k', 2, 40, { expiresInMilliseconds: 1_000 })
    await ann.budget.grant('l', 2, 40, { expiresInMilliseconds: 60_000 })
    sync(ann, bob)
    bob.budget.close()
    await time.advanceAsync(10_000)
    expect([ann.budget.available('k'), ann.budget.available('l')]).toEqual([50, 10])
  })

  it('that were spent stay spent when the holder forgets how its lease ended', async () => {
    const { ann, bob } = await pair({ rules: { skewMilliseconds: 100 } })
    await ann.budget.grant('k', 2, 40, { expiresInMilliseconds: 1_000 })
    sync(ann, bob)
    await bob.budget.debit('k', 15)
    const disk = Y.encodeStateAsUpdate(bob.doc)
    await live(ann, bob, 3_000)
    expect(ann.budget.shares('k')).toMatchObject([{ plain: 85 }, { writer: 2, plain: 0 }])
    bob.budget.close()

    const doc = new Y.Doc()
    Y.applyUpdate(doc, disk)
    const again = testBudget({ actor: 'bob', writer: 3, doc, formerWriters: [2], time: bob.time })
    await again.time.advanceAsync(10)
    await live(ann, again, 3_000)
    expect(ann.budget.ledger('k').spent).toEqual(new Map([['bob', 15]]))
    expect([ann.budget.available('k'), again.budget.available('k')]).toEqual([85, 0])
  })

  it('stay leased while the relay cannot vouch for the holder', async () => {
    const { ann, bob, time } = await pair({ rules: { skewMilliseconds: 100 } })
    await ann.budget.grant('k', 2, 40, { expiresInMilliseconds: 1_000 })
    sync(ann, bob)
    bob.budget.close()
    ann.generation = 'store-2'
    await time.advanceAsync(10_000)
    expect(ann.budget.available('k')).toBe(60)
    ann.generation = 'store-1'
    ann.reachable = false
    await time.advanceAsync(10_000)
    expect(ann.budget.available('k')).toBe(60)
    ann.reachable = true
    await time.advanceAsync(2_000)
    expect(ann.budget.available('k')).toBe(100)
  })

  it('come back early from a holder that is there when the time is up', async () => {
    const { ann, bob } = await pair({ rules: { skewMilliseconds: 500 } })
    await ann.budget.grant('k', 2, 40, { expiresInMilliseconds: 1_000 })
    await live(ann, bob, 700)
    expect(ann.budget.available('k')).toBe(100)
  })

  it('pay for a debit only if the relay takes it in time, and nothing is lost', async () => {
    const { ann, bob } = await pair({ rules: { skewMilliseconds: 100 } })
    await ann.budget.grant('k', 2, 40, { expiresInMilliseconds: 1_000 })
    sync(ann, bob)
    bob.reachable = false
    await expect(bob.budget.debit('k', 15)).rejects.toEqual(refusedWith('BUDGET_UNREACHABLE'))
    expect(bob.budget.balance('k')).toBe(100)
    bob.reachable = true
    bob.generation = 'store-2'
    expect(bob.budget.available('k')).toBe(0)
    await live(ann, bob, 3_000)
    expect(ann.budget.available('k')).toBe(100)
  })

  it('are not leased for so short a time that nobody may draw on them', async () => {
    const { ann } = await pair({ rules: { skewMilliseconds: 500 } })
    const lease = (expiresInMilliseconds: number) =>
      ann.budget.grant('k', 2, 40, { expiresInMilliseconds })
    await expect(lease(500)).rejects.toEqual(refusedWith('OPTION_INVALID'))
    expect(ann.budget.available('k')).toBe(100)
    await lease(501)
    expect(ann.budget.available('k')).toBe(60)
  })

  it('are not leased without a relay', async () => {
    const alone = testBudget({ relay: false })
    await alone.budget.mint('k', 5)
    const lease = alone.budget.grant('k', 9, 1, { expiresInMilliseconds: 1_000 })
    await expect(lease).rejects.toEqual(refusedWith('RELAY_NOT_CONFIGURED'))
  })
})

describe('after an unclean stop', () => {
  it('the same store goes on with what it had, as a new writer', async () => {
    const { ann } = await pair()
    await ann.budget.debit('k', 20)
    const disk = Y.encodeStateAsUpdate(ann.doc)
    // These are lost with the tail here, but had reached the relay.
    ann.durable = false
    void ann.budget.debit('k', 50)
    void ann.budget.transfer('k', 'l', 5)
    const relay = Y.encodeStateAsUpdate(ann.doc)
    ann.budget.close()

    const doc = new Y.Doc()
    Y.applyUpdate(doc, disk)
    const again = testBudget({ actor: 'ann', writer: 3, doc, formerWriters: [1] })
    await again.time.advanceAsync(10)
    expect(again.budget.available('k')).toBe(80)
    Y.applyUpdate(doc, relay)
    await again.time.advanceAsync(10)
    expect([again.budget.available('k'), again.budget.balance('k')]).toEqual([80, 80])
    expect(again.budget.balance('l')).toBe(0)
    expect(again.budget.shares('k')).toMatchObject([{ writer: 3, plain: 80 }])
  })

  it('another store leaves its rights alone', async () => {
    const { ann, bob } = await pair()
    ann.budget.close()
    expect(bob.budget.available('k')).toBe(0)
    expect(bob.budget.balance('k')).toBe(100)
  })
})

describe('content of others', () => {
  it('that is forged or malformed is left out and reported', async () => {
    const { ann, bob } = await pair()
    const rows = bob.doc.getMap('budgets')
    rows.set('k\x007', { m: [['bob', 1_000]] })
    rows.set('k\x002', { m: [['bob', -5]] })
    rows.set('l\x002', { m: [['bob', 2 ** 60]] })
    rows.set('nonsense', 1)
    sync(ann, bob)
    expect(ann.budget.balance('k')).toBe(100)
    expect(ann.budget.problems().map(({ error }) => error.code)).toEqual([
      'ENTRY_FORGED',
      'ENTRY_INVALID',
      'ENTRY_INVALID',
      'ENTRY_INVALID',
    ])
    expect(ann.reported).toHaveLength(4)
    expect([...ann.budget.keys()]).toEqual(['k'])
  })

  it('that overwrites our row does not make us forget what we spent', async () => {
    const { ann, bob } = await pair()
    await ann.budget.grant('k', 2, 40)
    sync(ann, bob)
    await bob.budget.debit('k', 30)
    sync(ann, bob)
    ann.doc.getMap('budgets').set('k\x002', { m: [['bob', 1_000]] })
    sync(ann, bob)
    expect(bob.budget.available('k')).toBe(10)
    // A start that does not know what was in the row leaves it alone.
    const doc = new Y.Doc()
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(bob.doc))
    const again = testBudget({ actor: 'bob', writer: 2, doc })
    expect(again.budget.available('k')).toBe(0)
    await expect(again.budget.debit('k', 1)).rejects.toEqual(refusedWith('ENTRY_FORGED'))
    const heir = testBudget({ actor: 'bob', writer: 3, doc: again.doc, formerWriters: [2] })
    await heir.time.advanceAsync(10)
    expect(heir.budget.available('k')).toBe(0)
    await live(ann, bob, 100)
    expect(ann.budget.balance('k')).toBe(70)
    expect([ann.budget.problems(), bob.budget.problems()]).toEqual([[], []])
  })

  it.each([
    null,
    5,
    [],
    { s: 5 },
    { g: [[1, 2, 3]] },
    { l: [['1.1', 2, 5, 0, 'g', 'open', 6]] },
    { q: [['bob', 5]] },
    { u: [['x', ['debit', 'bob', 1, 0, ''], [['1.1', -1]]]] },
    { e: [['gift', 'bob', 1, 0, '']] },
    { m: [['__proto__', 0.5]] },
  ])('such as %j never throws on read', row => {
    const { budget, doc, reported } = testBudget({ writer: 1 })
    const other = new Y.Doc()
    other.clientID = 2
    other.getMap('budgets').set('k\x002', row)
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
    expect([budget.balance('k'), budget.available('k'), reported]).toEqual([
      0,
      0,
      ['ENTRY_INVALID'],
    ])
  })

  it('with names like __proto__ is counted like any other', async () => {
    const { budget } = testBudget({ actor: '__proto__' })
    await budget.mint('__proto__', 3)
    await budget.debit('__proto__', 1)
    expect(budget.ledger('__proto__').spent).toEqual(new Map([['__proto__', 1]]))
  })
})

describe('closing', () => {
  it('fails what waits, and every later call', async () => {
    const { bob } = await pair()
    const debit = watch(bob.budget.debit('k', 5))
    bob.budget.close()
    await bob.time.advanceAsync(10_000)
    expect(debit.outcome).toBe('CLOSED')
    expect(() => bob.budget.balance('k')).toThrow(refusedWith('CLOSED'))
    await expect(bob.budget.debit('k', 1)).rejects.toEqual(refusedWith('CLOSED'))
  })
})
