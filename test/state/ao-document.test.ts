/** The handlers of the AO document, on two replicas: the process's, and that of who asks. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  type BudgetPartition,
  balanceCheck,
  defineHistory,
  defineMigrations,
  definePartition,
  type History,
  IntegrityMonitor,
  type MigratedPartition,
  openHistory,
  openMigrated,
  type QueryableRegisters,
  room,
  supplyCheck,
  systemTime,
  timestampCheck,
  validateRegisters,
} from '../../src/index.ts'
import { openProcess } from '../../src/state/process.ts'
import { defineHandler, defineProcess } from '../../src/state/process-definition.ts'
import { settle, startPair } from '../history/pair.ts'

const scope = room('token')

const User = z.object({ name: z.string().min(1), status: z.string(), createdAt: z.number() })
type User = z.infer<typeof User>
const Users = definePartition({
  name: 'users',
  policy: 'last-write-wins',
  schema: User,
  indexes: { usersByStatus: 'status' },
})
const UsersHistory = defineHistory({ of: Users, owner: 'ann', versionsMax: 10 })
const Balances = definePartition({ name: 'balances', policy: 'budget', budget: { owner: 'ann' } })
const Config = defineMigrations({
  of: definePartition<{ limit: number; unit: string }>({
    name: 'config',
    policy: 'last-write-wins',
    version: 2,
  }),
  owner: 'ann',
  steps: [{ to: 2, up: (limit: number) => ({ limit, unit: 'token' }) }],
})

interface State {
  readonly users: QueryableRegisters<User>
  readonly history: History<User>
  readonly balances: BudgetPartition
  readonly config: MigratedPartition<{ limit: number; unit: string }>
  /** Of the integrity checks. */
  readonly supply: number
}

const Token = defineProcess<State>({
  name: 'token',
  owner: 'ann',
  handlers: {
    updateUserData: defineHandler({
      match: { Action: 'UpdateUserData' },
      data: User,
      run: ({ from, tags, data, timestamp }, { users }: State) => {
        const userAddress = tags.UserAddress ?? from
        users.set(userAddress, data)
        return { success: true, userAddress, updatedAt: timestamp }
      },
    }),
    createSnapshot: {
      match: { Action: 'CreateSnapshot' },
      ownerOnly: true,
      run: ({ id }, { history }) => ({ success: true, version: history.snapshot(id).name }),
    },
    rollback: {
      match: { Action: 'Rollback' },
      ownerOnly: true,
      run: ({ tags }, { history }) => history.rollback(tags.Version ?? '').changes.length,
    },
    transfer: {
      match: { Action: 'Transfer' },
      run: async ({ id, from, tags }, { balances }) => {
        await balances.transfer(from, tags.Recipient ?? '', Number(tags.Amount), { memo: id })
        return 'Transfer completed'
      },
    },
    validateState: {
      match: { Action: 'ValidateState' },
      run: (_, { users }) => {
        const { violations } = validateRegisters(Users, users)
        return { valid: violations.length === 0, errors: violations.map(({ place }) => place) }
      },
    },
    checkIntegrity: {
      match: { Action: 'CheckIntegrity' },
      run: async (_, { users, balances, supply }) => {
        const amountOf = (amount: number) => amount
        const monitor = new IntegrityMonitor({
          everyMilliseconds: 60_000,
          checks: [
            balanceCheck('balances', balances, amountOf),
            supplyCheck('supply', balances, { amountOf, supply: () => supply }),
            timestampCheck('users', users, {
              time: systemTime,
              timesOf: ({ createdAt }) => ({ createdAt }),
            }),
          ],
        })
        const { issues } = await monitor.run()
        return { healthy: issues.length === 0, issues: issues.map(({ kind }) => kind) }
      },
    },
    migrateState: {
      match: { Action: 'MigrateState' },
      ownerOnly: true,
      run: ({ tags: { FromVersion, ToVersion } }, { config }) => {
        if (ToVersion === undefined) throw new TypeError('ToVersion is required')
        const given = FromVersion === undefined ? {} : { from: Number(FromVersion) }
        const { from, to } = config.migrate({ ...given, to: Number(ToVersion) })
        return { success: true, fromVersion: from, toVersion: to }
      },
    },
    getUsersByStatus: {
      match: { Action: 'GetUsersByStatus' },
      run: ({ tags }, { users }) => {
        const found = users.find({ usersByStatus: tags.Status ?? null })
        return Object.fromEntries(found.map(({ key, value }) => [key, value]))
      },
    },
    getAnalytics: {
      match: { Action: 'GetAnalytics' },
      run: (_, { users, balances }) => ({
        userCount: users.size,
        totalBalance: [...balances.entries()].reduce((sum, [, balance]) => sum + balance, 0),
      }),
    },
  },
})

async function startToken() {
  const { ann, bob } = await startPair()
  const stored = definePartition<number>({ name: 'config', policy: 'last-write-wins' })
  ;(await ann.open(scope, stored)).set('max', 7)
  const state: State = {
    users: await ann.open(scope, Users),
    history: await openHistory(ann, scope, UsersHistory),
    balances: await ann.open(scope, Balances),
    config: await openMigrated(ann, scope, Config),
    supply: 100,
  }
  await state.balances.mint('bob', 100)
  const [process, asker] = [
    await openProcess(ann, scope, Token),
    await openProcess(bob, scope, Token),
  ]
  process.serve(state)
  await settle(ann, bob)
  const ask = (Action: string, tags = {}, data: unknown = null) =>
    asker.request({ Action, ...tags }, data)
  const asOwner = (Action: string, tags = {}) => process.request({ Action, ...tags })
  return { ann, bob, state, ask, asOwner }
}

const alice: User = { name: 'Alice', status: 'active', createdAt: 1 }

describe('the process of the AO document', () => {
  it('updates users that are valid, and says what is wrong with others', async () => {
    const { ann, bob, state, ask } = await startToken()
    expect(await ask('UpdateUserData', {}, alice)).toMatchObject({
      data: { success: true, userAddress: 'bob' },
    })
    expect(await ask('UpdateUserData', { UserAddress: 'u2' }, { name: '' })).toMatchObject({
      ok: false,
      error: { code: 'VALUE_INVALID' },
    })
    const seen = await bob.open(scope, Users)
    await settle(ann, bob)
    expect(seen.get('bob')).toEqual(alice)
    expect(state.users.size).toBe(1)
    expect(await ask('GetUsersByStatus', { Status: 'active' })).toMatchObject({
      data: { bob: alice },
    })
    expect(await ask('GetUsersByStatus', { Status: 'away' })).toMatchObject({ data: {} })
    expect(state.users.explain({ usersByStatus: 'active' })).toMatchObject({ examined: 1 })
  })

  it('transfers what is there, and nothing that is not', async () => {
    const { ann, bob, state, ask } = await startToken()
    const transfer = (Amount: string, Recipient = 'carol') => ask('Transfer', { Recipient, Amount })
    expect(await transfer('60')).toMatchObject({ ok: true, data: 'Transfer completed' })
    const failed = async (reply: Promise<unknown>) => (await reply) as { error?: { code: string } }
    expect((await failed(transfer('41'))).error?.code).toBe('BUDGET_INSUFFICIENT')
    for (const amount of ['-1', 'x', '1.5', '']) {
      expect((await failed(transfer(amount))).error?.code, amount).toBe('VALUE_INVALID')
    }
    expect((await failed(transfer('1', ''))).error?.code).toBe('KEY_INVALID')
    const seen = await bob.open(scope, Balances)
    await settle(ann, bob)
    expect([seen.balance('bob'), seen.balance('carol')]).toEqual([40, 60])
    expect(await ask('GetAnalytics')).toMatchObject({ data: { userCount: 0, totalBalance: 100 } })
    expect(await ask('CheckIntegrity')).toMatchObject({ data: { healthy: true, issues: [] } })
    expect(state.balances.ledger('bob').recent[0]?.kind).toBe('transfer-out')
  })

  it('takes versions, goes back and migrates for its owner alone', async () => {
    const { ann, bob, state, ask, asOwner } = await startToken()
    for (const action of ['CreateSnapshot', 'Rollback', 'MigrateState']) {
      expect(await ask(action)).toMatchObject({ ok: false, error: { code: 'OWNER_ONLY' } })
    }
    await ask('UpdateUserData', {}, alice)
    const { data } = await asOwner('CreateSnapshot')
    const { version } = data as { version: string }
    await ask('UpdateUserData', {}, { ...alice, name: 'Eve' })
    expect(await asOwner('Rollback', { Version: version })).toMatchObject({ ok: true, data: 1 })
    expect(await asOwner('Rollback', { Version: 'none' })).toMatchObject({
      error: { code: 'VERSION_UNKNOWN' },
    })
    expect(await asOwner('MigrateState')).toMatchObject({
      error: { message: 'ToVersion is required' },
    })
    expect(await asOwner('MigrateState', { ToVersion: '9' })).toMatchObject({
      error: { code: 'OPTION_INVALID' },
    })
    expect(await asOwner('MigrateState', { FromVersion: '1', ToVersion: '2' })).toMatchObject({
      data: { success: true, fromVersion: 1, toVersion: 2 },
    })
    const seen = await bob.open(scope, Users)
    const config = await openMigrated(bob, scope, Config)
    await settle(ann, bob)
    expect(seen.get('bob')).toEqual(alice)
    expect(config.get('max')).toEqual({ limit: 7, unit: 'token' })
    expect(state.users.get('bob')).toEqual(alice)
  })

  it('finds what others have stored that is not valid', async () => {
    const { ann, bob, ask } = await startToken()
    expect(await ask('ValidateState')).toMatchObject({ data: { valid: true, errors: [] } })
    const loose = definePartition({ name: 'users', policy: 'last-write-wins' })
    ;(await bob.open(scope, loose)).set('mallory', { name: 7, status: 'x', createdAt: 2 ** 52 })
    await settle(ann, bob)
    expect(await ask('ValidateState')).toMatchObject({
      data: { valid: false, errors: ['mallory'] },
    })
    expect(await ask('CheckIntegrity')).toMatchObject({ data: { healthy: false } })
  })
})
