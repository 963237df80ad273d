/**
 * Bugs planted in the product, each of a kind that somebody has shipped. A tester that does not
 * find them is not to be trusted; the first, a disk that lies, is the canary.
 */
import { RoomAwareness } from '../../server/awareness.ts'
import { Channel } from '../../server/channel.ts'
import { Room } from '../../server/room.ts'
import { RoomContent } from '../../server/room-content.ts'
import { Journal } from '../../src/document/journal.ts'
import { ReplicaDocument } from '../../src/document/replica-document.ts'
import { ProjectionState } from '../../src/history/events/projection-state.ts'
import { MigratedPartition } from '../../src/history/migrations/migrated-partition.ts'
import { VersionStore } from '../../src/history/versions/version-store.ts'
import { readUpdateStructure } from '../../src/model/update-structure.ts'
import { BudgetPartition } from '../../src/partition/budget/budget-partition.ts'
import { Spender } from '../../src/partition/budget/spender.ts'
import { LogPartition } from '../../src/partition/log/log-partition.ts'
import { OwnedRows } from '../../src/partition/owned-rows.ts'
import { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { RegisterView } from '../../src/partition/register/register-view.ts'
import type { AwarenessEntry } from '../../src/protocol/awareness-update.ts'
import { SecondaryIndex } from '../../src/query/secondary-index.ts'
import { Incarnation } from '../../src/storage/incarnation.ts'
import { Copies } from '../../src/sync/copies.ts'
import { DocumentProgress } from '../../src/sync/document-progress.ts'
import { Outbox } from '../../src/sync/outbox.ts'
import { PresenceBoard } from '../../src/sync/presence-board.ts'
import { Pass } from '../../src/trust/pass.ts'
import { Revocations } from '../../src/trust/revocations.ts'
import type { Fleet } from '../nodes/fleet.ts'
import type { Topology } from '../nodes/topology.ts'
import type { ProfileName } from '../run/profile.ts'
import { DiskImage } from '../world/disk-image.ts'
import { plantCanary } from './canary.ts'
import { everyNth, patchGetter, patchMethod } from './patch.ts'

export interface PlantedBug {
  readonly name: string
  /** The profile under which it is hunted. */
  readonly profile: ProfileName
  /** How the fleet is linked in which it is hunted; drawn unless given. */
  readonly topology?: Topology
  /** Plants it; the returned function takes it out. */
  plant(): () => void
  /** Plants it in the machines of a run, for bugs of the world itself. */
  prepare?(fleet: Fleet): void
}

const nothing = () => () => undefined

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'canary: the disk of the relay lies about its fsync',
    profile: 'crashing',
    plant: nothing,
    prepare: plantCanary,
  },
  {
    name: 'the disks of replicas lie about their fsync',
    profile: 'crashing',
    plant: nothing,
    prepare({ replicas }) {
      for (const { disk } of replicas) disk.lie()
    },
  },
  {
    name: 'a crash in a compaction leaves a log cut and nothing in its place',
    profile: 'crashing',
    plant: nothing,
    prepare({ nodes }) {
      for (const { disk } of nodes) disk.tear()
    },
  },
  {
    name: 'a flush to two machines waits for its own disk alone',
    profile: 'crashing',
    plant: () => patchMethod(Copies.prototype, 'count', () => () => Number.POSITIVE_INFINITY),
  },
  {
    name: 'a peer acks before its fsync',
    profile: 'crashing',
    topology: 'peers',
    plant: () => patchMethod(ReplicaDocument.prototype, 'durable', () => () => Promise.resolve()),
  },
  {
    name: 'a flush to three machines counts a peer twice',
    profile: 'calm',
    topology: 'peers',
    plant: () =>
      patchMethod(
        Copies.prototype,
        'acked',
        acked =>
          function (name, store, version) {
            acked.call(this, name, store, version)
            acked.call(this, name, `${store} by another link`, version)
          },
      ),
  },
  {
    name: 'a local flush does not wait for the disk',
    profile: 'crashing',
    plant: () => patchMethod(Journal.prototype, 'whenDurable', () => () => Promise.resolve()),
  },
  {
    name: 'the journal loses a write now and then',
    profile: 'crashing',
    plant() {
      const lost = everyNth(40)
      return patchMethod(
        Journal.prototype,
        'push',
        push =>
          function (write) {
            return push.call(this, lost() ? () => Promise.resolve() : write)
          },
      )
    },
  },
  {
    name: 'the relay acks what is accepted as durable',
    profile: 'crashing',
    plant: () => patchGetter(Room.prototype, 'durablePosition', () => Number.POSITIVE_INFINITY),
  },
  {
    name: 'the relay acks an update that it forgets to store',
    profile: 'calm',
    plant() {
      const lost = everyNth(50)
      return patchMethod(
        Room.prototype,
        'write',
        write =>
          function (member, update) {
            return lost() ? this.follow(member) : write.call(this, member, update)
          },
      )
    },
  },
  {
    name: 'received counts as durable at the replica',
    profile: 'crashing',
    plant: () =>
      patchMethod(
        DocumentProgress.prototype,
        'acked',
        acked =>
          function (_, version) {
            return acked.call(this, 'durable', version)
          },
      ),
  },
  {
    name: 'documents are not noted as owed',
    profile: 'crashing',
    plant: () => patchMethod(Outbox.prototype, 'add', () => () => undefined),
  },
  {
    name: 'an unclean stop counts as a clean one: the clientID is reused',
    profile: 'crashing',
    plant: () =>
      patchMethod(
        Incarnation.prototype,
        'begin',
        () =>
          function () {
            return this.end()
          },
      ),
  },
  {
    name: 'deletions that come alone are dropped',
    profile: 'calm',
    plant: () =>
      patchMethod(
        ReplicaDocument.prototype,
        'apply',
        apply =>
          function (update, source) {
            const dropped = readUpdateStructure(update).structs.size === 0
            return dropped ? 'known' : apply.call(this, update, source)
          },
      ),
  },
  {
    name: 'a replica drops an update and says that it took it',
    profile: 'calm',
    plant() {
      const dropped = everyNth(60)
      return patchMethod(
        ReplicaDocument.prototype,
        'apply',
        apply =>
          function (update, source) {
            return dropped() ? 'new' : apply.call(this, update, source)
          },
      )
    },
  },
  {
    name: 'the state for a peer is cut at what we last saw of ourselves',
    profile: 'partitioned',
    plant: () =>
      patchMethod(
        ReplicaDocument.prototype,
        'diff',
        diff =>
          function () {
            return diff.call(this, this.stateVector())
          },
      ),
  },
  {
    name: 'the relay leaves the last part out of what some joiners lack',
    profile: 'lossy',
    plant() {
      const left = everyNth(3)
      return patchMethod(
        RoomContent.prototype,
        'lacking',
        lacking =>
          function (stateVector) {
            const parts = lacking.call(this, stateVector)
            return left() ? parts.slice(0, -1) : parts
          },
      )
    },
  },
  {
    name: 'the relay forgets an update for those who join later',
    profile: 'lossy',
    plant() {
      const forgotten = everyNth(30)
      return patchMethod(
        RoomContent.prototype,
        'add',
        add =>
          function (update) {
            if (!forgotten()) add.call(this, update)
          },
      )
    },
  },
  {
    name: 'a write overwrites one sibling only',
    profile: 'partitioned',
    plant: () =>
      patchMethod(
        RegisterView.prototype,
        'entries',
        entries =>
          function (key) {
            return entries.call(this, key).slice(0, 1)
          },
      ),
  },
  {
    name: 'conflicts are not seen: only the winner is shown',
    profile: 'calm',
    plant: () =>
      patchMethod(
        RegisterView.prototype,
        'siblings',
        siblings =>
          function (key) {
            return siblings.call(this, key).slice(0, 1)
          },
      ),
  },
  {
    name: 'what is read depends on who came first',
    profile: 'calm',
    plant() {
      const odd = everyNth(2)
      return patchMethod(
        RegisterPartition.prototype,
        'get',
        get =>
          function (key) {
            const [first] = this.siblings(key)
            return odd() ? first?.timestamp : get.call(this, key)
          },
      )
    },
  },
  {
    name: 'transactions are written key by key',
    profile: 'calm',
    plant: () => patchMethod(RegisterPartition.prototype, 'transact', () => fn => fn()),
  },
  {
    name: 'a counter loses an increment now and then',
    profile: 'calm',
    plant() {
      const lost = everyNth(30)
      return patchMethod(
        OwnedRows.prototype,
        'write',
        write =>
          function (key, content) {
            if (!lost()) write.call(this, key, content)
          },
      )
    },
  },
  {
    name: 'a budget is spent as if all of it were held here',
    profile: 'partitioned',
    plant: () =>
      patchMethod(Spender.prototype, 'plan', () => () => ({
        draws: new Map(),
        until: Number.POSITIVE_INFINITY,
        generation: undefined,
      })),
  },
  {
    name: 'compaction drops what came after it began',
    profile: 'swarm',
    plant: () =>
      patchMethod(
        DiskImage.prototype,
        'apply',
        apply =>
          function (write) {
            if (write.kind !== 'replace') return apply.call(this, write)
            const through = this.load(write.document).updates.at(-1)?.clock ?? write.through
            return apply.call(this, { ...write, through })
          },
      ),
  },
  {
    name: 'a resolution is taken although the conflict has changed',
    profile: 'partitioned',
    plant: () =>
      patchMethod(
        RegisterPartition.prototype,
        'resolve',
        resolve =>
          function (key, answer) {
            return resolve.call(this, key, answer, {})
          },
      ),
  },
  {
    name: 'a projection folds late events where they arrive',
    profile: 'partitioned',
    plant: () => patchMethod(ProjectionState.prototype, 'rewind', () => () => true),
  },
  {
    name: 'a rollback forgets what it had seen',
    profile: 'calm',
    plant: () =>
      patchMethod(
        VersionStore.prototype,
        'reversals',
        reversals =>
          function () {
            return reversals.call(this).map(reversal => ({ ...reversal, seen: new Map() }))
          },
      ),
  },
  {
    name: 'a migrated value depends on the version of its reader',
    profile: 'calm',
    plant() {
      const wrong = everyNth(30)
      return patchMethod(
        MigratedPartition.prototype,
        'get',
        get =>
          function (key) {
            return wrong() ? undefined : get.call(this, key)
          },
      )
    },
  },
  {
    name: 'a subscriber of a log misses an entry now and then',
    profile: 'calm',
    plant() {
      const missed = everyNth(40)
      return patchMethod(
        LogPartition.prototype,
        'subscribe',
        subscribe =>
          function (listener) {
            return subscribe.call(this, arrivals => {
              if (!missed()) listener(arrivals)
            })
          },
      )
    },
  },
  {
    name: 'a document is let go while its changes are on their way to the disk',
    profile: 'crashing',
    plant: () => patchGetter(ReplicaDocument.prototype, 'isDurable', () => true),
  },
  {
    name: 'what somebody transfers stays with him',
    profile: 'partitioned',
    plant() {
      const kept = everyNth(5)
      return patchMethod(
        BudgetPartition.prototype,
        'transfer',
        transfer =>
          async function (from, to, amount, options) {
            await transfer.call(this, from, to, amount, options)
            if (kept()) await this.mint(from, amount)
          },
      )
    },
  },
  {
    name: 'the relay opens a document that no grant covers, to read',
    profile: 'calm',
    plant: () =>
      patchMethod(
        Pass.prototype,
        'right',
        right =>
          function (document) {
            return right.call(this, document) ?? 'read'
          },
      ),
  },
  {
    name: 'the relay takes what a reader writes',
    profile: 'calm',
    plant: () =>
      patchMethod(
        Channel.prototype,
        'admit',
        admit =>
          function (structure, known) {
            this.mayWrite = true
            admit.call(this, structure, known)
          },
      ),
  },
  {
    name: 'a revoked token stays good',
    profile: 'calm',
    plant: () => patchMethod(Revocations.prototype, 'check', () => () => undefined),
  },
  {
    name: 'an index misses a change now and then',
    profile: 'calm',
    plant() {
      const missed = everyNth(30)
      return patchMethod(
        SecondaryIndex.prototype,
        'set',
        set =>
          function (key, subject) {
            if (!missed()) set.call(this, key, subject)
          },
      )
    },
  },
  {
    name: 'the relay keeps what a closed connection has said of itself',
    profile: 'calm',
    plant: () => patchMethod(RoomAwareness.prototype, 'remove', () => () => []),
  },
  {
    name: 'a member that falls silent stays',
    profile: 'crashing',
    topology: 'peers',
    plant: () => patchMethod(PresenceBoard.prototype, 'expire', () => () => false),
  },
  {
    name: 'what a member said before is taken for news now and then',
    profile: 'calm',
    topology: 'peers',
    plant() {
      const mistaken = everyNth(5)
      return patchMethod(
        PresenceBoard.prototype,
        'apply',
        apply =>
          function (entries, from, at) {
            const clocks = new Map(this.said.map(({ clientID, clock }) => [clientID, clock + 1]))
            const later = ({ clientID, clock }: AwarenessEntry) =>
              Math.max(clock, (mistaken() && clocks.get(clientID)) || 0)
            return apply.call(
              this,
              entries.map(one => ({ ...one, clock: later(one) })),
              from,
              at,
            )
          },
      )
    },
  },
]
