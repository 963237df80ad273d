/** The relay, each server in a process of its own: what a CPU second of it moves, and keeps. */
import { seededRandom, systemRandom } from '../../../src/base/random.ts'
import { inDirectory } from '../directory.ts'
import type { Benchmark } from '../figure.ts'
import { ours, oursStock, plainWs, type ServerKind } from '../relay/bench-server.ts'
import { measureFanout } from '../relay/fanout.ts'
import { type IngestOptions, measureAcks, measureIngest } from '../relay/ingest.ts'
import { killRounds } from '../relay/kill-rounds.ts'
import { measureLatency } from '../relay/latency.ts'

/** As many as a server of each kind can do in a few seconds. */
const fanoutUpdates = { ours: { 10: 60_000, 100: 30_000 }, others: { 10: 30_000, 100: 4_000 } }

function fanout(figure: string, kind: ServerKind, readers: 10 | 100): Benchmark {
  return {
    figures: { [figure]: 'updates/CPU s' },
    runs: 3,
    warmups: 0,
    async run() {
      const value = await measureFanout(kind, { readers, updates: fanoutUpdates.ours[readers] })
      const updates = fanoutUpdates.others[readers]
      const baseline = await measureFanout(plainWs, { readers, updates })
      return { [figure]: { value, baseline } }
    },
  }
}

function ingest(figure: string, options: IngestOptions): Benchmark {
  return {
    figures: { [figure]: 'updates/s' },
    runs: 3,
    warmups: 0,
    run: async () => ({ [figure]: await measureIngest(options) }),
  }
}

const acks: Benchmark = {
  figures: { 'ack-p50': 'ms', 'ack-p99': 'ms' },
  runs: 3,
  warmups: 0,
  async run() {
    const { p50, p99 } = await measureAcks({ updatesPerSecond: 5_000, seconds: 8 })
    return { 'ack-p50': p50, 'ack-p99': p99 }
  },
}

const latency: Benchmark = {
  figures: { 'latency-p50': 'ms', 'latency-p99': 'ms' },
  runs: 3,
  warmups: 0,
  async run() {
    const options = { readers: 10, updatesPerSecond: 100, seconds: 5 }
    const value = await measureLatency(ours, options)
    const baseline = await measureLatency(plainWs, options)
    return {
      'latency-p50': { value: value.p50, baseline: baseline.p50 },
      'latency-p99': { value: value.p99, baseline: baseline.p99 },
    }
  },
}

const killRoundsDefault = 50

const kills: Benchmark = {
  figures: { 'kill-rounds': 'kills', acked: 'updates', survived: 'updates', lost: 'updates' },
  runs: 1,
  warmups: 0,
  async run() {
    const rounds = Number(process.env.KILL_ROUNDS ?? killRoundsDefault)
    const seed = Number(process.env.SEED ?? systemRandom.uint32())
    const random = seededRandom(seed)
    const totals = await inDirectory(directory => killRounds({ directory, rounds, random }))
    if (totals.lost > 0) {
      throw new Error(`lost acked updates, SEED=${seed}: ${JSON.stringify(totals)}`)
    }
    return { 'kill-rounds': totals.rounds, ...totals }
  },
}

export const benchmarks: readonly Benchmark[] = [
  fanout('fanout-10', ours, 10),
  fanout('fanout-100', ours, 100),
  fanout('fanout-stock-10', oursStock, 10),
  fanout('fanout-stock-100', oursStock, 100),
  ingest('ingest', { documents: 1, updates: 100_000, inFlight: 1_000 }),
  ingest('ingest-singly', { documents: 1, updates: 100_000, inFlight: 1_000, singly: true }),
  ingest('ingest-100-docs', { documents: 100, updates: 100_000, inFlight: 1_000 }),
  acks,
  latency,
  kills,
]
