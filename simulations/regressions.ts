/**
 * Runs that once failed, the smallest that still did, with what was wrong. They are replayed first,
 * for ever. `npm run simulate -- --profile P --seed N` prints the entry of a run that fails.
 *
 * A run is drawn from its seed. The draws of plans and workloads have changed a little since these
 * were found: their profiles, faults, workloads and sizes are those that failed, what happens in
 * them, and when, is not the same any more.
 */
import type { ProfileName } from './run/profile.ts'
import type { Cut } from './run/shrink.ts'

export interface Regression extends Cut {
  readonly seed: number
  readonly profile: ProfileName
  /** What was wrong, in a line. */
  readonly found: string
}

export const regressions: readonly Regression[] = [
  {
    seed: 10,
    profile: 'crashing',
    operations: 300,
    replicas: 6,
    faults: [
      'replica crash',
      'relay crash',
      'replica restart',
      'relay restart',
      'slow fsync',
      'full disk',
    ],
    workloads: ['budgets', 'registers', 'native', 'counters', 'logs'],
    found:
      'a timer of less than a millisecond ran in circles: the world had finer timers than Node',
  },
  {
    seed: 500173,
    profile: 'swarm',
    operations: 270,
    replicas: 2,
    faults: [
      'disconnect',
      'stall',
      'replica crash',
      'replica restart',
      'full disk',
      'bit flip',
      'old backup',
    ],
    workloads: ['native'],
    found: 'a relay did not serve stored updates again when what they built on had come back',
  },
  {
    seed: 59,
    profile: 'hostile',
    operations: 60,
    replicas: 4,
    faults: [
      'hostile peer',
      'replica bit flip',
      'replica lost tail',
      'replica old backup',
      'disconnect',
      'stall',
    ],
    workloads: ['counters'],
    found:
      'what built on an update that a disk had lost was applied in part, and not sent when that was back',
  },
  {
    seed: 440202,
    profile: 'calm',
    operations: 81,
    replicas: 2,
    faults: [],
    workloads: ['visitors'],
    topology: 'bridge',
    found:
      'a document that a peer had put away and taken up again got a second channel, and then no answer',
  },
  {
    seed: 920103,
    profile: 'long-offline',
    operations: 100,
    replicas: 3,
    faults: ['offline', 'disconnect', 'stall'],
    workloads: ['visitors', 'budgets'],
    topology: 'bridge',
    found:
      'what a peer sent on a second channel for a document was not acked up to the last ack on the first',
  },
  {
    seed: 1026,
    profile: 'hostile',
    operations: 75,
    replicas: 3,
    faults: ['disconnect', 'stall', 'replica new disk'],
    workloads: ['logs', 'counters', 'registers'],
    topology: 'peers',
    found: 'a peer that came back on a new disk counted twice for a flush to three disks',
  },
  {
    seed: 1795274052,
    profile: 'datagram',
    operations: 176,
    replicas: 4,
    faults: ['datagrams', 'disconnect', 'stall'],
    workloads: ['visitors', 'migrations'],
    topology: 'relay',
    found:
      'siblings were held to be exact where a deletion had come ahead of a write that got lost on the way',
  },
  {
    seed: 20003024,
    profile: 'crashing',
    operations: 61,
    replicas: 4,
    faults: [
      'replica crash',
      'relay crash',
      'replica restart',
      'relay restart',
      'slow fsync',
      'full disk',
      'crash in a compaction',
    ],
    workloads: ['logs', 'migrations'],
    topology: 'relay',
    found:
      'a flush was taken to cover what others had written and the relay had forwarded early, when its disk was full',
  },
  {
    seed: 800028,
    profile: 'hostile',
    operations: 9,
    replicas: 2,
    faults: ['hostile peer', 'bit flip', 'old backup', 'disconnect', 'stall', 'hostile stranger'],
    workloads: ['logs', 'history', 'events'],
    topology: 'mesh',
    found: 'a malformed state vector of a peer that took nothing threw when its link ended',
  },
  {
    seed: 70000269,
    profile: 'crashing',
    operations: 100,
    replicas: 2,
    faults: [
      'replica crash',
      'relay crash',
      'replica restart',
      'relay restart',
      'slow fsync',
      'full disk',
    ],
    workloads: ['queries', 'modules', 'migrations', 'presence'],
    topology: 'relay',
    found:
      'a replica told a relay what an earlier link to it had said of others: they were not heard any more',
  },
  {
    seed: 70000694,
    profile: 'long-offline',
    operations: 100,
    replicas: 5,
    faults: ['offline', 'disconnect', 'stall'],
    workloads: ['budgets', 'logs', 'inbox', 'presence'],
    topology: 'relay',
    found:
      'members whom another replica had repeated to the relay stayed when their own link ended',
  },
]
