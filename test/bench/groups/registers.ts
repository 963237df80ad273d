/** Registers in process: what a write, a read and a load cost, and what overwriting leaves behind. */
import * as Y from 'yjs'
import { definePartition } from '../../../src/model/partition-definition.ts'
import { openPartition } from '../../../src/partition/open-partition.ts'
import type { RegisterPartition } from '../../../src/partition/register/register-partition.ts'
import { testHost } from '../../partition/replica-model.ts'
import type { Benchmark } from '../figure.ts'

const Values = definePartition({ name: 'values', policy: 'last-write-wins' })

const sets = 100_000
const setsAmong = 500
const gets = 5_000_000
const keys = 1_000
const liveKeys = 100_000
const overwrites = 100_000

function open(doc = new Y.Doc()): { doc: Y.Doc; values: RegisterPartition } {
  return { doc, values: openPartition(Values, testHost({ doc, checkPolicies: false })) }
}

function seconds(work: () => void): number {
  const start = performance.now()
  work()
  return (performance.now() - start) / 1000
}

/** A document that so many clients have written to, with every key there. */
function writtenBy(writers: number): { doc: Y.Doc; values: RegisterPartition } {
  const { doc, values } = open()
  for (let writer = 1; writer <= writers; writer++) {
    doc.clientID = writer
    for (let key = 0; key < keys / writers; key++) values.set(`key ${writer + key * writers}`, key)
  }
  return { doc, values }
}

/** Writes a second, by so many writers in turn. */
function setBy(figure: string, writers: number): Benchmark {
  return {
    figures: { [figure]: 'ops/s' },
    run() {
      const { doc, values } = writtenBy(writers)
      const taken = seconds(() => {
        for (let index = 0; index < sets; index++) {
          doc.clientID = 1 + (index % writers)
          values.set(`key ${1 + (index % keys)}`, index)
        }
      })
      return { [figure]: sets / taken }
    },
  }
}

/** What a write takes in a document that so many clients have written to. */
function setAmong(writers: number): Benchmark {
  const figure = `set-among-${writers}-writers`
  return {
    figures: { [figure]: 'us' },
    run() {
      const { values } = writtenBy(writers)
      const taken = seconds(() => {
        for (let index = 0; index < setsAmong; index++) values.set(`key ${index % keys}`, index)
      })
      return { [figure]: (taken / setsAmong) * 1_000_000 }
    },
  }
}

/** The encoded size of a document after one key was overwritten 100,000 times. */
function hotKey(figure: string, writers: number): Benchmark {
  return {
    figures: { [figure]: 'bytes' },
    runs: 1,
    warmups: 0,
    run() {
      const { doc, values } = open()
      for (let index = 0; index < overwrites; index++) {
        doc.clientID = 2 ** 31 + (index % writers)
        values.set('key', index)
      }
      return { [figure]: Y.encodeStateAsUpdate(doc).length }
    },
  }
}

export const benchmarks: readonly Benchmark[] = [
  setBy('set-1-writer', 1),
  setBy('set-100-writers', 100),
  ...[1_000, 4_000, 10_000].map(setAmong),
  {
    figures: { get: 'ops/s' },
    run() {
      const { values } = writtenBy(1)
      const names = [...values.keys()]
      let found = 0
      const taken = seconds(() => {
        for (let index = 0; index < gets; index++) {
          if (values.get(names[index % keys] as string) !== undefined) found += 1
        }
      })
      if (found !== gets) throw new Error(`${gets - found} keys were not found`)
      return { get: gets / taken }
    },
  },
  hotKey('hot-key-1', 1),
  hotKey('hot-key-100', 100),
  {
    // From the stored bytes to a partition that can be read; the baseline is Yjs's share of it.
    figures: { 'open-100k': 'ms' },
    run() {
      const { doc, values } = open()
      values.transact(() => {
        for (let key = 0; key < liveKeys; key++) values.set(`key ${key}`, { name: `user ${key}` })
      })
      const stored = Y.encodeStateAsUpdate(doc)
      const loaded = new Y.Doc()
      let size = 0
      const applying = seconds(() => Y.applyUpdate(loaded, stored))
      const opening = seconds(() => {
        size = open(loaded).values.size
      })
      if (size !== liveKeys) throw new Error(`${size} of ${liveKeys} keys are there`)
      return { 'open-100k': { value: (applying + opening) * 1000, baseline: applying * 1000 } }
    },
  },
]
