/**
 * What it costs to be watched: of each change in a register partition, what the counting of analytics
 * adds, and what a report of a large replica takes.
 */
import * as Y from 'yjs'
import { systemRandom } from '../../../src/base/random.ts'
import { systemTime } from '../../../src/base/time.ts'
import { DocumentSet } from '../../../src/document/document-set.ts'
import { Journal } from '../../../src/document/journal.ts'
import { createMemoryStorage, definePartition, openReplica, room } from '../../../src/index.ts'
import { parseDocumentName } from '../../../src/model/document-name.ts'
import { EntryCount } from '../../../src/observe/analytics/entry-count.ts'
import { ReplicaMeter } from '../../../src/observe/analytics/replica-meter.ts'
import { openIncarnation } from '../../../src/storage/incarnation.ts'
import type { Benchmark } from '../figure.ts'

const changes = 20_000
const documents = 1_000
const Users = definePartition<number>({ name: 'users', policy: 'last-write-wins' })

/** Microseconds of processor time for each of so many changes. */
function cost(run: () => void): number {
  const begun = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(begun)
  return (user + system) / changes
}

/** Rows of registers, as a partition writes them, on a bare document of a replica. */
async function writeRows(metered: boolean): Promise<number> {
  const storage = createMemoryStorage()
  const [time, random] = [systemTime, systemRandom]
  const journal = new Journal({ time, random, onError: () => undefined })
  const incarnation = await openIncarnation(storage, random)
  const options = { storage, journal, incarnation, time, idleMilliseconds: 1e6 }
  const set = new DocumentSet(options)
  const meter = metered ? new ReplicaMeter(time) : undefined
  meter?.follow(set)
  const { document } = await set.hold(parseDocumentName('room:r1/users'))
  meter?.report()
  const rows = document.doc.getMap('reg')
  const writer = document.doc.clientID.toString(36)
  const taken = cost(() => {
    for (let index = 0; index < changes; index++) {
      rows.set(`k${index % 1000}\0${writer}`, { v: index, t: index, a: 'ann' })
    }
  })
  await journal.whenDurable()
  journal.close()
  set.close()
  return taken
}

export const benchmarks: readonly Benchmark[] = [
  {
    figures: { 'change-metered': 'us CPU' },
    async run() {
      // In turn, and the least of each: what else the machine does only adds.
      const bare: number[] = []
      const metered: number[] = []
      for (let round = 0; round < 8; round++) {
        bare.push(await writeRows(false))
        metered.push(await writeRows(true))
      }
      const baseline = Math.min(...bare)
      return { 'change-metered': { value: Math.min(...metered), baseline } }
    },
  },
  {
    figures: { 'count-100k-entries': 'ms' },
    run() {
      const doc = new Y.Doc()
      const rows = doc.getMap('reg')
      doc.transact(() => {
        for (let index = 0; index < 100_000; index++) rows.set(`k${index}\0a`, { v: index, t: 1 })
      })
      const begun = performance.now()
      new EntryCount(doc, () => undefined).counts()
      return { 'count-100k-entries': performance.now() - begun }
    },
  },
  {
    figures: { 'health-1000-documents': 'ms', 'analytics-1000-documents': 'ms' },
    async run() {
      const replica = await openReplica({ actor: 'ann', storage: createMemoryStorage() })
      for (let index = 0; index < documents; index++) {
        const users = await replica.open(room(`r${index}`), Users)
        for (let key = 0; key < 10; key++) users.set(`k${key}`, key)
      }
      replica.analytics()
      const begun = performance.now()
      replica.analytics()
      const between = performance.now()
      replica.health()
      const ended = performance.now()
      await replica.close()
      return {
        'health-1000-documents': ended - between,
        'analytics-1000-documents': between - begun,
      }
    },
  },
]
