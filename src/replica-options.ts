/** What a replica is opened with, and what is wrong with that. */
import { z } from 'zod'
import type { MemorySource } from './base/memory.ts'
import { checkOptions, elsewhere, withMethod } from './base/option-rules.ts'
import type { RandomSource } from './base/random.ts'
import type { TimeSource } from './base/time.ts'
import type { PeerOptions } from './mesh/open-mesh.ts'
import type { HealthOptions } from './observe/health/health-monitor.ts'
import { checkThresholds } from './observe/health/thresholds.ts'
import type { CompactionSettings } from './storage/compaction.ts'
import type { Storage } from './storage/storage.ts'
import { checkPort } from './transport/listen-rules.ts'
import type { Transport } from './transport/transport.ts'
import { checkWebSocketAddress } from './transport/websocket-transport.ts'

export interface ReplicaOptions extends PeerOptions {
  /** In whose name this replica writes, unless `open` is told otherwise. */
  actor: string
  /**
   * A directory for LevelDB (created when missing), or any other storage, which the replica closes: also
   * when it cannot be opened, but not where these options are refused.
   */
  storage: string | Storage
  /** The relay's address, such as `ws://127.0.0.1:4100`; without it the replica stays on its own. */
  relay?: string
  /** How long a document that nobody uses stays in memory; 30,000 unless given. */
  idleMilliseconds?: number
  /** A document's log is compacted when it has so many updates; 500 unless given. */
  compactionUpdates?: number
  /** How far ahead of ours a foreign clock may be and still be followed; 60,000 unless given. */
  driftMillisecondsMax?: number
  /**
   * Whether policy functions are tried on every order of the siblings, and reported as
   * `POLICY_FAILED` where the answer depends on it; for development and tests.
   */
  checkPolicies?: boolean
  /** How long a blob that nothing refers to stays on this disk; a day unless given. */
  blobGraceMilliseconds?: number
  /** Thresholds of the alerts, and how often readings are taken while somebody listens for them. */
  health?: HealthOptions
  /** Replaced by simulations and tests. */
  transport?: Transport
  /** Merges long logs; by default in a thread, where there are threads. */
  mergeLog?: CompactionSettings['mergeLog']
  memory?: MemorySource
  time?: TimeSource
  random?: RandomSource
}

const milliseconds = z.number().nonnegative().optional()

const port = z.strictObject({
  port: elsewhere,
  host: z.string().optional(),
  server: elsewhere,
  address: z.string().optional(),
  insecure: z.boolean().optional(),
})
const listenPlace = z.union([withMethod('listen'), port], {
  error: 'an acceptor, or a port as { port, host, server, address, insecure }',
})
const peer = z.union(
  [z.string(), z.object({ address: z.string(), transport: withMethod('dial') })],
  {
    error: 'an address, or { address, transport }',
  },
)
const linkCount = z.int().min(1).optional()

const rules = z.strictObject({
  actor: elsewhere,
  storage: z.union([z.string().min(1), withMethod('append')], {
    error: 'a directory or a storage is needed',
  }),
  relay: z.string().optional(),
  idleMilliseconds: milliseconds,
  compactionUpdates: z.int().min(2).optional(),
  driftMillisecondsMax: milliseconds,
  checkPolicies: z.boolean().optional(),
  blobGraceMilliseconds: milliseconds,
  health: z.strictObject({ thresholds: elsewhere, everyMilliseconds: elsewhere }).optional(),
  listen: z.union([z.array(listenPlace), listenPlace]).optional(),
  peers: z.array(peer).optional(),
  links: z.strictObject({ min: linkCount, max: linkCount }).optional(),
  discovery: z.boolean().optional(),
  token: z
    .union([z.string(), withMethod('call')], { error: 'a text, or a function that gives one' })
    .optional(),
  tokens: withMethod('verify', 'a verifier, as tokenVerifier makes it').optional(),
  transport: elsewhere,
  mergeLog: elsewhere,
  memory: elsewhere,
  time: elsewhere,
  random: elsewhere,
} satisfies Record<keyof ReplicaOptions, z.ZodType>)

/** @throws OPTION_INVALID, also for an option that there is not */
export function checkReplicaOptions(options: ReplicaOptions): void {
  checkOptions(rules, options)
  const { relay, peers = [], listen = [], health, transport } = options
  checkThresholds(health?.thresholds ?? {})
  for (const place of [listen].flat()) if (!('listen' in place)) checkPort(place.port ?? 0)
  if (transport !== undefined) return
  for (const address of [relay, ...peers]) {
    if (typeof address === 'string') checkWebSocketAddress(address)
  }
}
