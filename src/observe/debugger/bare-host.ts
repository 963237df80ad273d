/** What a partition is opened with to be read, on a document that belongs to nobody else. */
import type * as Y from 'yjs'
import type { StatemeshError } from '../../base/error.ts'
import { systemTime } from '../../base/time.ts'
import { HybridClock } from '../../clock/hybrid-clock.ts'
import { parseActorId } from '../../model/id.ts'
import type { PartitionHost } from '../../partition/partition-host.ts'

/** In whose name it reads; it writes nothing. */
const reader = parseActorId('debugger')

/** @param clock a stamp far ahead is no problem of a reader, so it has to follow nobody */
export function bareHost(
  doc: Y.Doc,
  report: (problem: StatemeshError) => void = () => undefined,
): PartitionHost {
  return {
    doc,
    report,
    actor: reader,
    clock: new HybridClock({ time: systemTime, driftMillisecondsMax: Number.POSITIVE_INFINITY }),
    // Timers that a partition sets to keep rights are not for a reader.
    time: { ...systemTime, after: () => () => undefined },
    durable: () => Promise.resolve(),
    flush: () => Promise.resolve(),
    release: () => undefined,
  }
}
