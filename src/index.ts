/** The public surface of `statemesh`: re-exports only, and nothing inside imports it. */
export { type ErrorCode, errorCodes, StatemeshError } from './base/error.ts'
export { type RandomSource, seededRandom, systemRandom } from './base/random.ts'
export { type CancelTimer, systemTime, type TimeSource } from './base/time.ts'
export { type HybridTimestamp, timestampMilliseconds } from './clock/hybrid-clock.ts'
export type { BudgetRules } from './model/budget-rules.ts'
export {
  type DocumentName,
  documentName,
  parseDocumentName,
  splitDocumentName,
} from './model/document-name.ts'
export type { ActorId } from './model/id.ts'
export {
  definePartition,
  type MergeChoice,
  type MergeFields,
  type PartitionDefinition,
  type PartitionOptions,
  type PolicyFunction,
  type PolicyName,
  type Sibling,
} from './model/partition-definition.ts'
export {
  agent,
  conversation,
  globalScope,
  message,
  parseScope,
  room,
  Scope,
  type ScopeLevel,
} from './model/scope.ts'
export { documentWritersMax } from './model/writer-limit.ts'
export type {
  BudgetLedger,
  BudgetPartition,
  DebitOptions,
  GrantOptions,
  Share,
} from './partition/budget/budget-partition.ts'
export type { CounterPartition } from './partition/counter-partition.ts'
export type { CrdtChange, CrdtPartition } from './partition/crdt-partition.ts'
export {
  type Conflict,
  type ConflictChange,
  pick,
  type Resolution,
  type ResolveOptions,
} from './partition/inbox/inbox.ts'
export { type ScopeInbox, scopeInbox } from './partition/inbox/inbox-scope.ts'
export type { LogPosition } from './partition/log/log-entry.ts'
export type {
  LogArrival,
  LogEntry,
  LogPartition,
  LogReport,
} from './partition/log/log-partition.ts'
export type { PartitionHandle } from './partition/open-partition.ts'
export type { RegisterChange, RegisterPartition } from './partition/register/register-partition.ts'
export {
  type FlushLevel,
  type FlushOptions,
  openReplica,
  type Replica,
  type ReplicaEvents,
  type ReplicaOptions,
  type ReplicaStatus,
} from './replica.ts'
export { openLevelStorage } from './storage/level-storage.ts'
export { createMemoryStorage } from './storage/memory-storage.ts'
export type { DamagedRecord, Storage, StoredDocument, StoredUpdate } from './storage/storage.ts'
export { createMemoryNetwork, type MemoryNetwork } from './transport/memory-transport.ts'
export type { DialOptions, Link, LinkHandlers, Transport } from './transport/transport.ts'
export { websocketTransport } from './transport/websocket-transport.ts'
