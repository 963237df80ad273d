/** The public surface of `statemesh/relay`. */
export { type ListenOptions, listen, type RelayServer } from './http-server.ts'
export { createRelay, type LinkRequest, type Relay, type RelayHealth } from './relay.ts'
export {
  defaultRelayLimits,
  type RelayEvent,
  type RelayLimits,
  type RelayOptions,
} from './relay-options.ts'
