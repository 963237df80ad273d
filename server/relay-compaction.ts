/** Keeps the logs of a relay short: merged in a thread of their own, while rooms go on with them. */
import type { TimeSource } from '../src/base/time.ts'
import {
  type CompactingStorage,
  type CompactionSettings,
  withCompaction,
} from '../src/storage/compaction.ts'
import { MergeThread } from '../src/storage/merge-thread.ts'
import type { Storage } from '../src/storage/storage.ts'
import type { RelayMeter } from './meter.ts'
import type { RelayEvent } from './relay-options.ts'

export interface RelayCompactionOptions {
  time: TimeSource
  settings: CompactionSettings | undefined
  meter: RelayMeter
  report(event: RelayEvent): void
  /** The log of a document is so many bytes long now. */
  onCompacted(document: string, bytes: number): void
  /** Stored updates of a document turned out to be damaged; no load will tell of them again. */
  onDamaged(document: string, damage: string): void
}

export class RelayCompaction {
  /** The storage, whose logs are kept short. */
  readonly storage: CompactingStorage
  readonly #thread = new MergeThread()

  constructor(storage: Storage, options: RelayCompactionOptions) {
    const { time, settings, meter, report, onCompacted, onDamaged } = options
    this.storage = withCompaction(storage, {
      time,
      mergeLog: updates => this.#thread.merge(updates),
      ...settings,
      onCompacted: ({ document, ...compaction }) => {
        meter.compacted()
        onCompacted(document, compaction.after.bytes)
        report({ level: 'info', event: 'compacted', document, ...compaction })
      },
      onDamaged: damaged => {
        for (const { document, clock, reason } of damaged) {
          onDamaged(document, `update ${clock}: ${reason}`)
        }
      },
      onError: ({ code, message }, document) =>
        report({ level: 'error', event: 'compaction-failed', document, code, message }),
    })
  }

  /** Waits for what is under way, and starts nothing more. The storage stays open. */
  async stop(): Promise<void> {
    await this.storage.stop()
    this.#thread.close()
  }
}
