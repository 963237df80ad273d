/** The public surface of `statemesh`: re-exports only, and nothing inside imports it. */
export {
  type ErrorCode,
  errorCodes,
  StatemeshError,
  type StatemeshErrorOptions,
} from './base/error.ts'
export type { MemoryReading, MemorySource } from './base/memory.ts'
export { type RandomSource, seededRandom, systemRandom } from './base/random.ts'
export { type CancelTimer, systemTime, type TimeSource } from './base/time.ts'
export { type HybridTimestamp, timestampMilliseconds } from './clock/hybrid-clock.ts'
export type { AuditChange, ReplacedEntry } from './history/audit/audit-record.ts'
export {
  type AuditOptions,
  type AuditQuery,
  type AuditTrail,
  openAudit,
} from './history/audit/audit-trail.ts'
export type { AuditProblem, AuditReport } from './history/audit/audit-verify.ts'
export type { EventCursor } from './history/events/event-cursor.ts'
export {
  type AnyEvent,
  defineEvents,
  type EventOf,
  type EventSchemas,
  type EventsDefinition,
  type EventType,
  type StoredEvent,
} from './history/events/event-definition.ts'
export {
  type EventArrival,
  type EventStart,
  type EventStore,
  type EventSubscription,
  type NewEvent,
  openEvents,
  type ReplayOptions,
} from './history/events/event-store.ts'
export {
  openProjection,
  type Projection,
  type ProjectionCheck,
  type ProjectionOptions,
} from './history/events/projection.ts'
export {
  defineProjection,
  type ProjectionDefinition,
  type ProjectionRules,
  type ProjectionView,
} from './history/events/projection-definition.ts'
export type { ProjectionProblem } from './history/events/projection-state.ts'
export { defineHistory, type HistoryDefinition } from './history/history-definition.ts'
export {
  type DigestExchange,
  type DigestOptions,
  openDigests,
  type PublishedDigest,
} from './history/integrity/digest-exchange.ts'
export {
  balanceCheck,
  type Entries,
  type IntegrityCheck,
  type IntegrityIssue,
  orphanCheck,
  schemaCheck,
  sequenceCheck,
  supplyCheck,
  timestampCheck,
} from './history/integrity/integrity-check.ts'
export {
  type FoundIssue,
  IntegrityMonitor,
  type IntegrityOptions,
  type IntegrityReport,
} from './history/integrity/integrity-monitor.ts'
export {
  type ValidationReport,
  type Violation,
  validateEvents,
  validateRegisters,
} from './history/integrity/validation.ts'
export {
  type MigratedChange,
  type MigratedPartition,
  type MigrateOptions,
  type MigrationReport,
  openMigrated,
  type SchemaStatus,
} from './history/migrations/migrated-partition.ts'
export {
  defineMigrations,
  type MigratedEntry,
  type MigrationStep,
  type MigrationsDefinition,
  storedPartition,
} from './history/migrations/migration-definition.ts'
export type {
  MigratedValue,
  MigrationFailure,
  MigrationPlan,
} from './history/migrations/migration-run.ts'
export type { HistoryReplica } from './history/replica-port.ts'
export {
  type ConcurrentWrite,
  type History,
  type HistoryOptions,
  type Moment,
  openHistory,
  type Rollback,
  type Undo,
} from './history/versions/history.ts'
export type { PastView } from './history/versions/past-view.ts'
export type { Reversal } from './history/versions/reversal.ts'
export type { UndoPlan } from './history/versions/undo.ts'
export type { Version } from './history/versions/version-store.ts'
export type { KeyDifference } from './history/versions/view-diff.ts'
export { viewBytes, viewDigest } from './history/view-digest.ts'
export type { PeerOption, PeerOptions } from './mesh/open-mesh.ts'
export type { PeerStatus } from './mesh/peer-status.ts'
export type { PeerTrouble } from './mesh/peer-troubles.ts'
export type { ReplicaStatus } from './mesh/replica-status.ts'
export type { SubscribeOptions } from './mesh/subscriptions.ts'
export type { BudgetRules } from './model/budget-rules.ts'
export {
  type DocumentName,
  documentName,
  parseDocumentName,
  splitDocumentName,
} from './model/document-name.ts'
export type { ActorId } from './model/id.ts'
export type {
  AnyIndexChoices,
  BucketIndex,
  IndexChoice,
  IndexChoices,
} from './model/index-definition.ts'
export {
  type AnyPolicyChoice,
  definePartition,
  type MergeChoice,
  type MergeFields,
  type MergeTree,
  type PartitionDefinition,
  type PartitionOptions,
  type PolicyChoice,
  type PolicyFunction,
  type PolicyName,
  type RegisterPolicyName,
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
export type { ActorStatistics } from './observe/analytics/actor-tally.ts'
export type {
  AnalyticsReport,
  DocumentStatistics,
  OperationName,
  StateTotals,
} from './observe/analytics/analytics-report.ts'
export type { GrowthPoint } from './observe/analytics/growth.ts'
export type { LatencySummary } from './observe/analytics/latency-histogram.ts'
export {
  type Cleaner,
  type CleanerOptions,
  type CleanupBudget,
  type CleanupItem,
  type CleanupReport,
  openCleaner,
} from './observe/cleanup/cleaner.ts'
export type { ArchivedBatch, ArchivedEntry } from './observe/cleanup/cleanup-archive.ts'
export type { CleanupReplica } from './observe/cleanup/due-search.ts'
export {
  type ClearOrphansRule,
  type ExpireRule,
  type ReapRule,
  Retention,
  type RetentionRule,
  type RetentionRuleInput,
  type RetireRule,
  type TrimRule,
} from './observe/cleanup/retention-rule.ts'
export type { DocumentKind } from './observe/debugger/document-kind.ts'
export type {
  BudgetState,
  DocumentProblem,
  DocumentState,
  EntryState,
  LogEntryState,
  RegisterState,
} from './observe/debugger/document-state.ts'
export {
  type ExportedDocument,
  type ExportOptions,
  exportJson,
  type JsonExport,
  readJsonExport,
} from './observe/debugger/json-export.ts'
export type { NativeState } from './observe/debugger/native-state.ts'
export type { RewindMoment, Rewound } from './observe/debugger/rewind.ts'
export {
  type DocumentDifference,
  type DocumentSnapshot,
  type DocumentSource,
  StateDebugger,
} from './observe/debugger/state-debugger.ts'
export { type DeepChange, diffStates, type StateDifference } from './observe/debugger/state-diff.ts'
export { type WatchedChange, watchPartition } from './observe/debugger/watch.ts'
export { writeState } from './observe/debugger/written-state.ts'
export type { Threshold } from './observe/health/alarm.ts'
export type { HealthOptions } from './observe/health/health-monitor.ts'
export type {
  AlertLevel,
  DocumentHealth,
  ErrorTally,
  FoundDamage,
  HealthAlert,
  HealthAlertChange,
  HealthFigures,
  HealthReport,
  HealthSignal,
} from './observe/health/health-report.ts'
export { defaultThresholds, type Thresholds } from './observe/health/thresholds.ts'
export { type Measured, type MetricRegistry, registerMetrics } from './observe/prometheus.ts'
export type {
  BudgetLedger,
  BudgetPartition,
  DebitOptions,
  GrantOptions,
  MemoOptions,
  Share,
} from './partition/budget/budget-partition.ts'
export type { LedgerEntry } from './partition/budget/budget-row.ts'
export type { CounterChange, CounterPartition } from './partition/counter-partition.ts'
export type { CrdtChange, CrdtPartition } from './partition/crdt-partition.ts'
export {
  type Conflict,
  type ConflictChange,
  type PickedSibling,
  pick,
  type Resolution,
  type ResolveOptions,
} from './partition/inbox/inbox.ts'
export type { SettledSibling } from './partition/inbox/inbox-entry.ts'
export { type InboxMember, type ScopeInbox, scopeInbox } from './partition/inbox/inbox-scope.ts'
export type { LogPosition } from './partition/log/log-entry.ts'
export type {
  LogArrival,
  LogEntry,
  LogPageOptions,
  LogPartition,
  LogReport,
} from './partition/log/log-partition.ts'
export type { LogProblem } from './partition/log/log-view.ts'
export type { AnyPartitionDefinition, PartitionHandle } from './partition/open-partition.ts'
export type { RegisterChange, RegisterPartition } from './partition/register/register-partition.ts'
export type { FieldConditions, Filter, Operand, Sort } from './query/filter-types.ts'
export type { IndexKey } from './query/index-key.ts'
export type { IndexDifference } from './query/index-verify.ts'
export type { LiveChange, LiveQuery } from './query/live-query.ts'
export type { Explanation, FindOptions, Found, Page, PageOptions } from './query/queries.ts'
export type { IndexStatus, QueryableRegisters, QueryHandle } from './query/queryable-registers.ts'
export {
  openQueries,
  type QueryReplica,
  queriesOver,
  type ScopedFound,
  type ScopedPartition,
  type ScopedQueries,
} from './query/scoped-queries.ts'
export { openReplica, type Replica, type ReplicaEvents } from './replica.ts'
export type { ReplicaOptions } from './replica-options.ts'
export { tableOf } from './state/check-state.ts'
export {
  type AnyModuleDefinition,
  type ComposedModules,
  type ComposedState,
  composeModules,
} from './state/composed.ts'
export type { Draft, DraftTable } from './state/draft.ts'
export {
  type Hierarchy,
  type HistoryMessage,
  type LevelDefinition,
  type LevelDefinitions,
  type LevelName,
  openHierarchy,
  Settings,
  standardLevels,
} from './state/hierarchy.ts'
export { type LazyOptions, LazyPartition, lazyPartition } from './state/lazy-partition.ts'
export {
  AgentModule,
  type AgentState,
  ConversationModule,
  type ConversationState,
  GlobalModule,
  type GlobalState,
  type Goal,
  MessageModule,
  type MessageState,
  type Relationship,
  RoomModule,
  type RoomState,
} from './state/level-states.ts'
export {
  type Lifecycle,
  type LifecycleMove,
  type LifecyclePhase,
  openLifecycle,
} from './state/lifecycle.ts'
export {
  openModule,
  type StateChange,
  type StateConflict,
  type StateModule,
} from './state/module.ts'
export {
  type ActionReducers,
  defineModule,
  type ModuleDefinition,
  type ModuleOptions,
  type ModulePolicy,
  type Reducer,
} from './state/module-definition.ts'
export { openPartitionInvalidations } from './state/partition-invalidations.ts'
export {
  openPluginState,
  type PluginChange,
  type PluginQuota,
  type PluginState,
  type PluginUsage,
} from './state/plugin-state.ts'
export {
  type OpenProcessOptions,
  openProcess,
  type Process,
  type RequestOptions,
  type SendOptions,
} from './state/process.ts'
export {
  type AnyMessageHandler,
  defineHandler,
  defineProcess,
  type MessageHandler,
  type ProcessDefinition,
  type ProcessMessage,
  type ProcessOptions,
  type Reply,
  type SentMessage,
  type Tags,
} from './state/process-definition.ts'
export { linkToProcess, type ProcessLink, type ProcessLinkOptions } from './state/process-link.ts'
export { type ListenForMessagesOptions, listenForMessages } from './state/process-listener.ts'
export {
  type Answer,
  openReadThrough,
  type ReadThrough,
  type ReadThroughChange,
  type RegisterDefinition,
} from './state/read-through.ts'
export type { OpenOptions, StateReplica } from './state/replica-port.ts'
export { standardTransitions } from './state/standard-transitions.ts'
export {
  defineTransition,
  openStateManager,
  type StateChanged,
  type StateManager,
  type StateManagerEvents,
  type StateManagerOptions,
  type Transition,
} from './state/state-manager.ts'
export { type Table, table } from './state/table.ts'
export type { BlobCollection } from './storage/blobs/blob-collector.ts'
export { type BlobRef, isBlobRef } from './storage/blobs/blob-ref.ts'
export type { CompactionReport, LogSize } from './storage/compaction.ts'
export type { LayerChange, LayerStatistics } from './storage/layers/guarded-layer.ts'
export type {
  Invalidation,
  InvalidationBus,
  InvalidationListener,
} from './storage/layers/invalidation-bus.ts'
export type { KeyPattern } from './storage/layers/key-pattern.ts'
export type { Layer, LayerRecord, LayerStamp } from './storage/layers/layer.ts'
export type {
  LayeredStatistics,
  LayeredStore,
  LayeredStoreEvents,
  LayerWriteOptions,
  WriteReceipt,
} from './storage/layers/layered-store.ts'
export { type LevelLayerOptions, openArchiveLayer } from './storage/layers/level-layer.ts'
export { type LayeredStoreOptions, openLayeredStore } from './storage/layers/open-layered-store.ts'
export type { RedisOptions } from './storage/layers/redis-connection.ts'
export { type ImportOptions, importDocuments } from './storage/level-import.ts'
export { type LevelStorageOptions, openLevelStorage } from './storage/level-storage.ts'
export { createMemoryStorage } from './storage/memory-storage.ts'
export type { DamagedRecord, Storage, StoredDocument, StoredUpdate } from './storage/storage.ts'
export type { Blobs, DocumentBlobs } from './sync/blobs.ts'
export type { FlushLevel, FlushOptions, SyncedOptions } from './sync/flush-options.ts'
export type { Presence, PresenceListener, PresenceState } from './sync/presence.ts'
export type { PresenceMember } from './sync/presence-board.ts'
export type { TokenOption } from './sync/token-source.ts'
export type { AcceptOptions, Acceptor, Listening } from './transport/acceptor.ts'
export {
  createMemoryNetwork,
  type MemoryListenOptions,
  type MemoryNetwork,
} from './transport/memory-transport.ts'
export type { PeerPort } from './transport/port-acceptor.ts'
export {
  createPortNetwork,
  type MessagePortLike,
  type PortNetwork,
  type ProcessLike,
} from './transport/port-network.ts'
export type { DialOptions, Link, LinkHandlers, Transport } from './transport/transport.ts'
export {
  type WebSocketTransportOptions,
  websocketTransport,
} from './transport/websocket-transport.ts'
export type { Grant, Right } from './trust/grants.ts'
export type { Revocation } from './trust/revocations.ts'
export {
  type AccessToken,
  type MintOptions,
  mintToken,
  type TokenKeys,
  type TokenOptions,
  type TokenVerifier,
  tokenVerifier,
} from './trust/token.ts'
