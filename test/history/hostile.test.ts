import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openEvents } from '../../src/history/events/event-store.ts'
import { openProjection } from '../../src/history/events/projection.ts'
import { openDigests } from '../../src/history/integrity/digest-exchange.ts'
import { openMigrated } from '../../src/history/migrations/migrated-partition.ts'
import { defineMigrations } from '../../src/history/migrations/migration-definition.ts'
import { openHistory } from '../../src/history/versions/history.ts'
import {
  createMemoryStorage,
  definePartition,
  openReplica,
  type Replica,
  room,
  StatemeshError,
} from '../../src/index.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { Balances, Bank } from './bank.ts'
import { Users, UsersHistory } from './users.ts'

const here = room('r1')
const registers = (name: string) =>
  definePartition<unknown, 'last-write-wins'>({ name, policy: 'last-write-wins' })

async function open(): Promise<Replica> {
  return openReplica({ actor: 'ann', storage: createMemoryStorage() })
}

/** What `fn` gives; a coded error is an answer too, any other is not. */
function coded(fn: () => unknown): void {
  try {
    fn()
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(StatemeshError)
  }
}

describe('what somebody else has put into the partitions of history', () => {
  const values = fc.oneof(
    fc.anything({ withMap: true, withBigInt: true }),
    fc.record({
      chunks: fc.oneof(fc.constant(2 ** 50), fc.nat(3)),
      size: fc.anything(),
      digest: fc.string(),
      seen: fc.oneof(fc.constant(new Map([[1, 1]])), fc.anything()),
      version: fc.nat(2),
      count: fc.nat(2),
      cursor: fc.oneof(fc.constant(null), fc.dictionary(fc.string(), fc.anything())),
      position: fc.record({
        timestamp: fc.nat(),
        actor: fc.string(),
        writer: fc.nat(),
        seq: fc.nat(),
      }),
      failed: fc.boolean(),
      kind: fc.constantFrom('rollback', 'undo', 'x'),
      target: fc.string(),
      keys: fc.array(fc.oneof(fc.string(), fc.integer())),
      write: fc.option(fc.record({ writer: fc.anything(), timestamp: fc.nat() })),
      'statemesh:version': fc.anything(),
      value: fc.anything(),
      older: fc.anything(),
      k: fc.string(),
      w: fc.nat(),
      t: fc.nat(),
      a: fc.string(),
      c: fc.nat(),
      s: fc.array(fc.anything()),
    }),
  )

  it('breaks no reader', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(values, { maxLength: 6 }), async stored => {
        const replica = await open()
        const history = await openHistory(replica, here, UsersHistory)
        const users = await replica.open(here, registers('users'))
        const versions = await replica.open(here, registers('users-versions'))
        const audit = await replica.open(
          here,
          definePartition<unknown, 'log'>({ name: 'users-audit', policy: 'log' }),
        )
        const snapshots = await replica.open(here, registers('bank-balances'))
        const published = await replica.open(here, registers('digests'))
        const log = await replica.open(
          here,
          definePartition<unknown, 'log'>({ name: 'bank', policy: 'log' }),
        )
        for (const [index, value] of stored.entries()) {
          coded(() => users.set(`k${index}`, value))
          coded(() => versions.set(`version:${index}`, value))
          coded(() => versions.set(`chunk:${index}:0`, value))
          coded(() => versions.set(`reversal:${index}`, value))
          coded(() => snapshots.set(index === 0 ? 'head' : `chunk:${index - 1}`, value))
          coded(() => published.set(`users/n${index}`, value))
          coded(() => audit.append(value))
          coded(() => log.append(value))
        }
        const now = Date.now()
        for (const version of history.versions()) coded(() => history.at(version.id))
        coded(() => history.reversals())
        coded(() => history.at(now))
        coded(() => history.rollback(now))
        coded(() => history.undo('ann', { since: 0 }))
        coded(() => history.audit.verify())
        coded(() => history.audit.adopt())
        const events = await openEvents(replica, here, Bank)
        expect([...events.replay()]).toEqual([])
        const view = await openProjection(replica, here, Balances)
        coded(() => view.check())
        const digests = await openDigests(replica, here, { partitions: ['users'] })
        coded(() => digests.compare())
        const Migrations = defineMigrations({
          of: definePartition({ name: 'users', policy: 'last-write-wins', version: 2 }),
          steps: [{ to: 2, up: value => value }],
        })
        const migrated = await openMigrated(replica, here, Migrations)
        coded(() => migrated.status())
        coded(() => [...migrated.entries()])
        coded(() => migrated.migrate({ dryRun: true }))
        await replica.close()
      }),
      { numRuns: 60 },
    )
  })
})

describe('times that are none', () => {
  it('are refused', async () => {
    const replica = await open()
    const history = await openHistory(replica, here, UsersHistory)
    for (const time of [-1, Number.NaN, Number.POSITIVE_INFINITY, 1e300, new Date(Number.NaN)]) {
      const refused = expect.objectContaining({ code: 'OPTION_INVALID' })
      expect(() => history.at(time)).toThrow(refused)
      expect(() => history.rollback(time)).toThrow(refused)
      expect(() => history.undo('ann', { since: time })).toThrow(refused)
    }
    await replica.close()
  })
})

it('is all there after a restart', async () => {
  const storage = await temporaryDirectory()
  const first = await openReplica({ actor: 'ann', storage })
  const history = await openHistory(first, here, UsersHistory)
  const users = await first.open(here, Users)
  const events = await openEvents(first, here, Bank)
  users.set('a', { name: '1' })
  history.snapshot('one')
  history.audit.because('reason', () => users.set('a', { name: '2' }))
  events.emit('credited', { account: 'x', amount: 3 })
  const changes = history.audit.changes()
  await first.close()
  const second = await openReplica({ actor: 'ann', storage })
  const again = await openHistory(second, here, UsersHistory)
  expect(again.audit.changes()).toEqual(changes)
  expect(again.audit.verify()).toEqual({ changes: 2, problems: [] })
  expect(again.rollback('one').changes).toMatchObject([{ key: 'a', after: { name: '1' } }])
  expect((await openProjection(second, here, Balances)).get('x')).toBe(3)
  await second.close()
})
