/** Replicas for the tests of partitions: plain documents that exchange updates by hand. */
import * as Y from 'yjs'
import type { StatemeshError } from '../../src/base/error.ts'
import { HybridClock } from '../../src/clock/hybrid-clock.ts'
import { parseActorId } from '../../src/model/id.ts'
import type { PartitionHost } from '../../src/partition/partition-host.ts'
import { type ManualTime, manualTime } from '../support/manual-time.ts'

export interface TestHost extends PartitionHost {
  readonly doc: Y.Doc
  readonly time: ManualTime
  /** The codes that were reported, in order. */
  readonly reported: StatemeshError[]
  released: boolean
}

export interface TestHostOptions {
  actor?: string
  /** The clientID of the document. */
  writer?: number
  time?: ManualTime
  doc?: Y.Doc
  checkPolicies?: boolean
}

export function testHost(options: TestHostOptions = {}): TestHost {
  const { actor = 'ann', time = manualTime(), doc = new Y.Doc(), checkPolicies = true } = options
  if (options.writer !== undefined) doc.clientID = options.writer
  return {
    doc,
    time,
    actor: parseActorId(actor),
    clock: new HybridClock({ time }),
    checkPolicies,
    reported: [],
    released: false,
    durable: () => Promise.resolve(),
    flush: () => Promise.resolve(),
    report(problem) {
      this.reported.push(problem)
    },
    release() {
      this.released = true
    },
  }
}

/** Brings to `to` what it lacks of `from`. */
export function pull(from: PartitionHost, to: PartitionHost): void {
  Y.applyUpdate(to.doc, Y.encodeStateAsUpdate(from.doc, Y.encodeStateVector(to.doc)))
}

/** Everybody gets everything. */
export function syncAll(hosts: readonly PartitionHost[]): void {
  const [first] = hosts
  if (first === undefined) return
  for (const host of hosts) pull(host, first)
  for (const host of hosts) pull(first, host)
}
