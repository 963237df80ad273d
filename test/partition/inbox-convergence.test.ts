import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { type RandomSource, seededRandom } from '../../src/base/random.ts'
import { pick } from '../../src/partition/inbox/inbox.ts'
import { manualTime } from '../support/manual-time.ts'
import { testSeed } from '../support/seed.ts'
import { type InboxReplica, openInbox } from './inbox-model.ts'
import { testHost } from './replica-model.ts'

const keys = ['a', 'b', '__proto__']

/** Replicas that write, delete, resolve, crash, and get updates in any order, some twice. */
class InboxRun {
  readonly replicas: InboxReplica[] = []
  readonly updates: Uint8Array[] = []
  readonly resolved: string[] = []
  readonly #random: RandomSource
  /** By replica: what its listener says is open. */
  readonly told = new Map<InboxReplica, Map<string, string>>()
  #writers = 0

  constructor(random: RandomSource) {
    this.#random = random
    for (const actor of ['ann', 'bob', 'cyd']) this.replicas.push(this.#open(actor, new Y.Doc()))
  }

  step(): void {
    const at = this.#below(this.replicas.length)
    const { host, users } = this.replicas[at] as InboxReplica
    const kind = this.#below(20)
    if (kind < 4) users.set(this.#pick(keys), this.#below(4))
    else if (kind === 4) users.delete(this.#pick(keys))
    else if (kind < 7) host.time.advance(this.#below(30))
    else if (kind < 10) this.#resolve(users)
    else if (kind === 10) {
      const doc = new Y.Doc()
      Y.applyUpdate(doc, Y.encodeStateAsUpdate(host.doc))
      this.replicas[at] = this.#open(host.actor, doc)
    } else if (this.updates.length > 0) Y.applyUpdate(host.doc, this.#pick(this.updates))
  }

  deliverAll(): void {
    for (const { host } of this.replicas) {
      const order = this.updates.map(update => ({ update, at: this.#random.uint32() }))
      for (const { update } of order.sort((a, b) => a.at - b.at)) Y.applyUpdate(host.doc, update)
    }
  }

  #resolve(users: InboxReplica['users']): void {
    const conflicts = users.conflicts()
    if (conflicts.length === 0) return
    const { key, siblings, token } = this.#pick(conflicts)
    const answers = [this.#below(4), undefined, pick(this.#pick(siblings))]
    users.resolve(key, this.#pick(answers), { seen: token })
    const { writer, timestamp } = users.siblings(key)[0] as { writer: number; timestamp: number }
    this.resolved.push(`${key} ${writer} ${timestamp}`)
  }

  #open(actor: string, doc: Y.Doc): InboxReplica {
    this.#writers += 1
    const time = manualTime(Date.UTC(2026, 0, 1) + this.#below(100))
    const replica = openInbox(testHost({ actor, writer: this.#writers, doc, time }))
    doc.on('update', (update: Uint8Array, _: unknown, __: Y.Doc, { local }: Y.Transaction) => {
      if (local) this.updates.push(update)
    })
    const told = new Map(replica.users.conflicts().map(({ key, token }) => [key, token]))
    this.told.set(replica, told)
    replica.users.onConflict(({ type, conflict: { key, token } }) => {
      expect(told.has(key)).toBe(type !== 'opened')
      if (type === 'resolved') told.delete(key)
      else told.set(key, token)
    })
    return replica
  }

  #below(limit: number): number {
    return this.#random.uint32() % limit
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[this.#below(items.length)] as Item
  }
}

describe('an inbox on several replicas', () => {
  it('lists the same conflicts and the same history everywhere, whatever the order of updates', () => {
    const random = seededRandom(testSeed())
    let conflicts = 0
    let reopened = 0
    for (let round = 0; round < 100; round++) {
      const run = new InboxRun(random)
      for (let step = 0; step < 80; step++) run.step()
      run.deliverAll()
      const [first, ...others] = run.replicas as [InboxReplica, ...InboxReplica[]]
      const open = first.users.conflicts()
      const history = first.users.resolutions()
      for (const { users, host } of others) {
        expect(users.conflicts()).toEqual(open)
        expect(users.resolutions()).toEqual(history)
        const afresh = openInbox(testHost({ doc: host.doc }))
        expect(afresh.users.conflicts()).toEqual(open)
        expect(afresh.users.resolutions()).toEqual(history)
      }
      // Every resolution is in the history, also those that were raced; nothing else is.
      const kept = history.map(({ key, writer, timestamp }) => `${key} ${writer} ${timestamp}`)
      expect(kept.sort()).toEqual(run.resolved.sort())
      const tokens = new Map(open.map(({ key, token }) => [key, token]))
      for (const replica of run.replicas) expect(run.told.get(replica)).toEqual(tokens)
      for (const conflict of open) {
        conflicts += 1
        reopened += conflict.reopened.length
        const says = conflict.siblings.map(({ deleted, value }) => `${deleted} ${value}`)
        expect(new Set(says).size).toBeGreaterThan(1)
      }
      for (const { host, users } of run.replicas) {
        expect(host.reported).toEqual([])
        expect(users.problems()).toEqual([])
      }
    }
    expect(conflicts).toBeGreaterThan(20)
    expect(reopened).toBeGreaterThan(2)
  })
})
