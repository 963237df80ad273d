/**
 * The relay, each server in a process of its own: what a CPU second of it moves, and keeps. The
 * baseline of acks is LevelDB with an fsync alone, at the same pace in the same run, so that their
 * ratio says what of a figure is the disk's.
 */
import { seededRandom, systemRandom } from '../../../src/base/random.ts'
import { inDirectory } from '../directory.ts'
import type { Benchmark } from '../figure.ts'
import { installedPeers } from '../peers/peer-kinds.ts'
import { ours, oursStock, plainWs, type ServerKind } from '../relay/bench-server.ts'
import { measureDisturbance } from '../relay/disturbance.ts'
import { measureFanout } from '../relay/fanout.ts'
import { measureLeftRooms, measureRooms } from '../relay/idle-rooms.ts'
import { type IngestOptions, measureAcks, measureIngest } from '../relay/ingest.ts'
import { measureJoins } from '../relay/joining.ts'
import { killRounds } from '../relay/kill-rounds.ts'
import { measureLatency } from '../relay/latency.ts'
import { sayOnce } from '../relay/process-usage.ts'
import { measurePuts } from '../relay/synced-puts.ts'

/** What each server starts for itself is its warm-up. */
const few = { runs: 3, warmups: 0 }

/** As many as a server of each kind can do in a few seconds. */
const fanoutUpdates = { ours: { 10: 90_000, 100: 45_000 }, others: { 10: 20_000, 100: 4_000 } }

function fanout(figure: string, kind: ServerKind, readers: 10 | 100): Benchmark {
  return {
    figures: { [figure]: 'updates/CPU s' },
    ...few,
    async run() {
      const value = await measureFanout(kind, { readers, updates: fanoutUpdates.ours[readers] })
      const updates = fanoutUpdates.others[readers]
      const baseline = await measureFanout(plainWs, { readers, updates })
      const peers = await ofPeers(peer => measureFanout(peer, { readers, updates }))
      return { [figure]: { value, baseline, peers } }
    },
  }
}

async function ofPeers(
  measurePeer: (peer: ServerKind) => Promise<number>,
): Promise<{ [peer: string]: number }> {
  const values: { [peer: string]: number } = {}
  for (const peer of installedPeers()) {
    try {
      values[peer.name] = await measurePeer(peer)
    } catch (error) {
      // A peer that does not do what it is asked is no reason not to measure the relay.
      sayOnce(`${peer.name} failed: ${(error as Error).message}`)
    }
  }
  return values
}

function ingest(figure: string, options: IngestOptions): Benchmark {
  return {
    figures: { [figure]: 'updates/s' },
    ...few,
    run: async () => ({ [figure]: await measureIngest(options) }),
  }
}

const acks: Benchmark = {
  figures: { 'ack-p50': 'ms', 'ack-p99': 'ms' },
  ...few,
  async run() {
    const options = { updatesPerSecond: 5_000, seconds: 8 }
    const value = await measureAcks(options)
    const baseline = await measurePuts(options)
    return {
      'ack-p50': { value: value.p50, baseline: baseline.p50 },
      'ack-p99': { value: value.p99, baseline: baseline.p99 },
    }
  },
}

/** A bystander's acks while damaged messages arrive; the baseline is the same one left alone. */
const fuzzed: Benchmark = {
  figures: { 'fuzzed-ack-p50': 'ms', 'fuzzed-ack-p99': 'ms', 'fuzz-messages': 'messages' },
  ...few,
  async run() {
    const seed = Number(process.env.SEED ?? systemRandom.uint32() % 2 ** 30)
    const options = { updatesPerSecond: 200, seconds: 8, seed }
    const { calm, disturbed, messages } = await measureDisturbance(options)
    return {
      'fuzzed-ack-p50': { value: disturbed.p50, baseline: calm.p50 },
      'fuzzed-ack-p99': { value: disturbed.p99, baseline: calm.p99 },
      'fuzz-messages': messages,
    }
  },
}

const diskAlone = (milliseconds: number) => ({ 'leveldb alone': milliseconds })

const latency: Benchmark = {
  figures: { 'latency-p50': 'ms', 'latency-p99': 'ms' },
  ...few,
  async run() {
    const options = { readers: 10, updatesPerSecond: 100, seconds: 5 }
    const value = await measureLatency(ours, options)
    const baseline = await measureLatency(plainWs, options)
    // What is sent on when it is on disk waits for that as well.
    const puts = await measurePuts(options)
    return {
      'latency-p50': {
        ...{ value: value.p50, baseline: baseline.p50 },
        peers: diskAlone(puts.p50),
      },
      'latency-p99': {
        ...{ value: value.p99, baseline: baseline.p99 },
        peers: diskAlone(puts.p99),
      },
    }
  },
}

/**
 * The document as stored is about 10 MB. The baseline is `ws` alone, which sends as many bytes under
 * the same conditions: to as many at once, or as the first after its start. What it costs `ws` to
 * send them to one after another stands beside those.
 */
const joins: Benchmark = {
  figures: {
    'join-10mb': 'CPU ms',
    'join-10mb-20-at-once': 'CPU ms',
    'join-10mb-changed': 'CPU ms',
    'join-10mb-restarted': 'CPU ms',
    'join-10mb-unread': 'CPU ms',
    'join-10mb-10-behind': 'CPU ms',
  },
  ...few,
  async run() {
    const { plain, ...costs } = await measureJoins(ours)
    const inTurn = { 'ws in turn': plain.send }
    return {
      'join-10mb': { value: costs.join, baseline: plain.send },
      'join-10mb-20-at-once': { value: costs.atOnce, baseline: plain.atOnce, peers: inTurn },
      'join-10mb-changed': { value: costs.afterChange, baseline: plain.send },
      'join-10mb-restarted': {
        ...{ value: costs.afterRestart, baseline: plain.afterStart },
        peers: inTurn,
      },
      'join-10mb-unread': {
        ...{ value: costs.unread, baseline: plain.afterStart },
        peers: { 'leveldb and ws': plain.stored, ...inTurn },
      },
      'join-10mb-10-behind': costs.tenBehind,
    }
  },
}

const rooms: Benchmark = {
  figures: { 'room-memory': 'kB a room' },
  runs: 1,
  warmups: 0,
  async run() {
    const options = { rooms: 1_000, clients: 2 }
    const value = await measureRooms(ours, options)
    const baseline = await measureRooms(plainWs, options)
    const peers = await ofPeers(peer => measureRooms(peer, options))
    return { 'room-memory': { value, baseline, peers } }
  },
}

const leftRooms: Benchmark = {
  figures: { 'rooms-10k-opened': 'MB', 'rooms-10k-left': 'MB' },
  runs: 1,
  warmups: 0,
  async run() {
    const { opened, left } = await measureLeftRooms(ours, 10_000)
    return { 'rooms-10k-opened': opened, 'rooms-10k-left': left }
  },
}

const killRoundsDefault = 50

/** `KILL_ROUNDS=500 SEED=<number> npm run bench -- relay` for more of them, or the same again. */
const kills: Benchmark = {
  figures: { 'kill-rounds': 'kills', acked: 'updates', survived: 'updates', lost: 'updates' },
  limits: { lost: 0 },
  runs: 1,
  warmups: 0,
  async run() {
    const rounds = Number(process.env.KILL_ROUNDS ?? killRoundsDefault)
    const seed = Number(process.env.SEED ?? systemRandom.uint32())
    const random = seededRandom(seed)
    const totals = await inDirectory(directory => killRounds({ directory, rounds, random }))
    if (totals.lost > 0) process.stderr.write(`acked updates were lost with SEED=${seed}\n`)
    return { 'kill-rounds': totals.rounds, ...totals }
  },
}

export const benchmarks: readonly Benchmark[] = [
  fanout('fanout-10', ours, 10),
  fanout('fanout-100', ours, 100),
  fanout('fanout-stock-10', oursStock, 10),
  fanout('fanout-stock-100', oursStock, 100),
  ingest('ingest', { documents: 1, updates: 200_000, inFlight: 1_000 }),
  ingest('ingest-singly', { documents: 1, updates: 200_000, inFlight: 1_000, singly: true }),
  ingest('ingest-100-docs', { documents: 100, updates: 200_000, inFlight: 1_000 }),
  acks,
  latency,
  fuzzed,
  joins,
  rooms,
  leftRooms,
  kills,
]
