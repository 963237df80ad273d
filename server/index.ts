/** The public surface of `statemesh/relay`. */

export type { CompactionReport, CompactionSettings, LogSize } from '../src/storage/compaction.ts'
export type { Grant, Right } from '../src/trust/grants.ts'
export type { Revocation } from '../src/trust/revocations.ts'
export {
  type AccessToken,
  type MintOptions,
  mintToken,
  type TokenKeys,
  type TokenOptions,
  type TokenVerifier,
  tokenVerifier,
} from '../src/trust/token.ts'
export type { LinkRequest } from './arrival.ts'
export { type ListenOptions, listen, type RelayServer } from './http-server.ts'
export type { RelayMeter } from './meter.ts'
export { type RelayGauges, RelayMetrics } from './metrics.ts'
export type { QuarantinedUpdate } from './quarantine.ts'
export { createRelay, type Relay } from './relay.ts'
export type { RelayHealth } from './relay-health.ts'
export {
  defaultRelayLimits,
  type Forwarding,
  limitReasons,
  type RelayEvent,
  type RelayLimits,
  type RelayOptions,
} from './relay-options.ts'
export type { AllowedOrigins } from './upgrade-request.ts'
