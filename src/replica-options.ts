/** What a replica is opened with, and what is wrong with that. */
import { z } from 'zod'
import { StatemeshError } from './base/error.ts'
import type { MemorySource } from './base/memory.ts'
import type { RandomSource } from './base/random.ts'
import type { TimeSource } from './base/time.ts'
import type { PeerOptions } from './mesh/open-mesh.ts'
import type { HealthOptions } from './observe/health/health-monitor.ts'
import type { Storage } from './storage/storage.ts'
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
  memory?: MemorySource
  time?: TimeSource
  random?: RandomSource
}

const milliseconds = z.number().nonnegative().optional()

/** What others check themselves, each with a code of its own or with what it knows. */
const elsewhere = z.unknown().optional()

const rules = z.strictObject({
  actor: elsewhere,
  storage: z.union([z.string().min(1), z.custom<Storage>(isStorage)], {
    error: 'a directory or a storage is needed',
  }),
  relay: z.string().optional(),
  idleMilliseconds: milliseconds,
  compactionUpdates: z.int().min(2).optional(),
  driftMillisecondsMax: milliseconds,
  checkPolicies: z.boolean().optional(),
  blobGraceMilliseconds: milliseconds,
  health: elsewhere,
  listen: elsewhere,
  peers: z.array(z.unknown()).optional(),
  links: elsewhere,
  discovery: z.boolean().optional(),
  token: elsewhere,
  tokens: elsewhere,
  transport: elsewhere,
  memory: elsewhere,
  time: elsewhere,
  random: elsewhere,
} satisfies Record<keyof ReplicaOptions, z.ZodType>)

/** @throws OPTION_INVALID, also for an option that there is not */
export function checkReplicaOptions(options: ReplicaOptions): void {
  const { error } = rules.safeParse(options)
  const [issue] = error?.issues ?? []
  if (issue !== undefined) {
    const where = issue.path.length === 0 ? '' : `${issue.path.join('.')}: `
    throw new StatemeshError('OPTION_INVALID', `${where}${issue.message}`)
  }
  const { relay, peers = [], transport } = options
  if (transport !== undefined) return
  for (const address of [relay, ...peers]) {
    if (typeof address === 'string') checkWebSocketAddress(address)
  }
}

function isStorage(value: unknown): boolean {
  return typeof (value as Storage | null | undefined)?.append === 'function'
}
