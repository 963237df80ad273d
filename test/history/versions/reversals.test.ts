import fc from 'fast-check'
import { expect, it } from 'vitest'
import { openHistory } from '../../../src/history/versions/history.ts'
import { room } from '../../../src/index.ts'
import { settle, startPair } from '../pair.ts'
import { Users, UsersHistory } from '../users.ts'

const here = room('r1')

it('loses no write that it had not seen, and reports the same everywhere', async () => {
  const who = fc.constantFrom<'ann' | 'bob'>('ann', 'bob')
  const key = fc.constantFrom('a', 'b', 'c')
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('set' as const), who, key }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), who, key }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('snapshot' as const), who, key }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('rollback' as const), who, key }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('undo' as const), who, key }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('sync' as const), who, key }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async steps => {
      const { ann, bob } = await startPair()
      const users = { ann: await ann.open(here, Users), bob: await bob.open(here, Users) }
      const histories = {
        ann: await openHistory(ann, here, UsersHistory),
        bob: await openHistory(bob, here, UsersHistory),
      }
      for (const replica of [ann, bob]) replica.disconnect()
      let serial = 0
      for (const { do: action, who, key } of steps) {
        const history = histories[who]
        const [version] = history.versions()
        if (action === 'set') users[who].set(key, { name: `${who} ${serial++}` })
        if (action === 'delete') users[who].delete(key)
        if (action === 'snapshot') history.snapshot(`v${serial++}`)
        if (action === 'rollback' && version !== undefined) {
          history.rollback(version.id)
          expect(history.diff(version.id)).toEqual([])
        }
        if (action === 'undo') {
          const { unknown } = history.undo(who === 'ann' ? 'bob' : 'ann', { since: 0 })
          expect(unknown).toEqual([])
        }
        if (action !== 'sync') continue
        await settle(ann, bob)
        for (const replica of [ann, bob]) replica.disconnect()
      }
      await settle(ann, bob)
      expect(Object.fromEntries(users.ann)).toEqual(Object.fromEntries(users.bob))
      const reversals = histories.ann.reversals()
      expect(reversals).toEqual(histories.bob.reversals())
      const changes = histories.ann.audit.changes()
      for (const { concurrent, write } of reversals) {
        for (const change of concurrent) {
          const name = { writer: change.writer, timestamp: change.timestamp }
          const stands = users.ann.siblings(change.key).some(entry => isSame(entry, name))
          // Or somebody replaced it who had seen it; the reversal is none of them.
          const by = changes.filter(({ key, replaced }) => {
            return key === change.key && replaced.some(entry => isSame(entry, name))
          })
          expect(stands || by.length > 0).toBe(true)
          expect(by.some(later => write !== undefined && isSame(later, write))).toBe(false)
        }
      }
      for (const replica of [ann, bob]) await replica.close()
    }),
    { numRuns: 30 },
  )
})

interface Name {
  readonly writer: number
  readonly timestamp: number
}

function isSame(a: Name, b: Name): boolean {
  return a.writer === b.writer && a.timestamp === b.timestamp
}
