/** The place of a player at a replica in a process of its own, where what it does is recorded. */
import type * as Y from 'yjs'
import { systemRandom } from '../../src/base/random.ts'
import { systemTime } from '../../src/base/time.ts'
import { documentName } from '../../src/model/document-name.ts'
import { definePartition } from '../../src/model/partition-definition.ts'
import type { Scope } from '../../src/model/scope.ts'
import type { Replica } from '../../src/replica.ts'
import type { Seat } from '../workloads/workload.ts'
import { Dice } from '../world/dice.ts'
import { Marks } from '../world/marks.ts'
import type { WorkerRecord } from './history.ts'

export interface FleetSeat extends Seat {
  /** Adds to the history, before anything else can happen in the process. */
  record(record: WorkerRecord): void
}

export interface SeatOptions {
  name: string
  replica: Replica
  dice: Dice
  /** The documents under all opened partitions; filled as they are. */
  docs: Map<string, Y.Doc>
  record(record: WorkerRecord): void
}

export function fleetSeat({ name, replica, dice, docs, record }: SeatOptions): FleetSeat {
  const document = async (scope: Scope, partition: string): Promise<Y.Doc> => {
    const plain = definePartition({ name: partition, policy: 'crdt' })
    const { doc } = await replica.open(scope, plain)
    docs.set(documentName(scope, partition), doc)
    return doc
  }
  return {
    name,
    replica,
    record,
    dice: new Dice(dice.fork().source),
    marks: new Marks(),
    time: systemTime,
    random: systemRandom,
    losses: new Set(),
    safest: { level: 'durable' },
    document,
    watched: {
      actor: name,
      flush: options => replica.flush(options),
      on: (event, listener) => replica.on(event, listener),
      async open(scope, definition, options) {
        const partition = await replica.open(scope, definition, options)
        await document(scope, definition.name)
        return partition
      },
    },
    async open(scope, definition) {
      const partition = await replica.open(scope, definition)
      return { partition, doc: await document(scope, definition.name) }
    },
  }
}
