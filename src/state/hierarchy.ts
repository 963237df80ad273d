/**
 * The levels of an agent's state, opened together: global, agent, room, conversation and message,
 * each with ready-made modules and partitions, which can be extended level by level.
 */
import { StatemeshError } from '../base/error.ts'
import { definePartition, type PartitionDefinition } from '../model/partition-definition.ts'
import type { Scope, ScopeLevel } from '../model/scope.ts'
import type { AnyPartitionDefinition, PartitionHandle } from '../partition/open-partition.ts'
import type { AnyModuleDefinition, OpenModules } from './composed.ts'
import {
  type AgentActions,
  AgentModule,
  type AgentState,
  type ConversationActions,
  ConversationModule,
  type ConversationState,
  type GlobalActions,
  GlobalModule,
  type GlobalState,
  type MessageActions,
  MessageModule,
  type MessageState,
  type RoomActions,
  RoomModule,
  type RoomState,
} from './level-states.ts'
import { openModule } from './module.ts'
import type { ActionReducers, ModuleDefinition } from './module-definition.ts'
import { openReadThrough, type ReadThrough, type RegisterDefinition } from './read-through.ts'
import type { OpenOptions, StateReplica } from './replica-port.ts'
import { type ScopeChain, scopesOf } from './scope-chain.ts'

/** What a level holds: modules and partitions by name. */
export interface LevelDefinition {
  readonly [name: string]: AnyModuleDefinition | AnyPartitionDefinition
}

export type LevelName = ScopeLevel | 'global'
export type LevelDefinitions = { readonly [Level in LevelName]: LevelDefinition }

export type OpenLevel<Level extends LevelDefinition> = {
  readonly [Name in keyof Level]: Level[Name] extends AnyModuleDefinition
    ? OpenModules<{ readonly it: Level[Name] }>['it']
    : Level[Name] extends AnyPartitionDefinition
      ? PartitionHandle<Level[Name]>
      : never
}

/** A message of a room's history or a conversation's thread. */
export interface HistoryMessage {
  readonly id: string
  readonly from: string
  readonly text: string
  readonly [more: string]: unknown
}

type Module<State extends object, Actions> = ModuleDefinition<
  State,
  Actions extends ActionReducers<State> ? Actions : never
>

/** The levels of the ElizaOS document. Extend one as `{ ...standardLevels.room, polls: Polls }`. */
export const standardLevels: {
  readonly global: {
    readonly system: Module<GlobalState, GlobalActions>
    readonly metrics: PartitionDefinition<unknown, 'counter'>
  }
  readonly agent: { readonly agent: Module<AgentState, AgentActions> }
  readonly room: {
    readonly room: Module<RoomState, RoomActions>
    readonly history: PartitionDefinition<HistoryMessage, 'log'>
  }
  readonly conversation: {
    readonly conversation: Module<ConversationState, ConversationActions>
    readonly thread: PartitionDefinition<HistoryMessage, 'log'>
  }
  readonly message: { readonly message: Module<MessageState, MessageActions> }
} = {
  global: {
    system: GlobalModule,
    metrics: definePartition({ name: 'metrics', policy: 'counter' }),
  },
  agent: { agent: AgentModule },
  room: {
    room: RoomModule,
    history: definePartition<HistoryMessage, 'log'>({ name: 'history', policy: 'log' }),
  },
  conversation: {
    conversation: ConversationModule,
    thread: definePartition<HistoryMessage, 'log'>({ name: 'thread', policy: 'log' }),
  },
  message: { message: MessageModule },
}

/** Settings of every level: those of an inner scope stand in front of those of the outer ones. */
export const Settings: RegisterDefinition<unknown> = definePartition<unknown, 'last-write-wins'>({
  name: 'settings',
  policy: 'last-write-wins',
})

export interface Hierarchy<Levels extends LevelDefinitions> {
  /** The scopes, the innermost first. */
  readonly scopes: readonly Scope[]
  /** Read from the innermost scope out. */
  readonly settings: ReadThrough<unknown>
  /** What is open at a level. @throws SCOPE_INVALID if no scope is of that level */
  at<Level extends LevelName>(level: Level): OpenLevel<Levels[Level]>
  close(): void
}

/**
 * Opens all levels of a scope.
 *
 * @throws SCOPE_INVALID for a chain with two scopes of one level, and as `Replica.open` does; nothing
 * is open then
 */
export function openHierarchy(
  replica: StateReplica,
  chain: ScopeChain,
): Promise<Hierarchy<typeof standardLevels>>
export function openHierarchy<const Levels extends LevelDefinitions>(
  replica: StateReplica,
  chain: ScopeChain,
  levels: Levels,
  options?: OpenOptions,
): Promise<Hierarchy<Levels>>
export async function openHierarchy(
  replica: StateReplica,
  chain: ScopeChain,
  levels: LevelDefinitions = standardLevels,
  options: OpenOptions = {},
): Promise<unknown> {
  const scopes = scopesOf(chain)
  const handles: { close(): void }[] = []
  const opened = new Map<LevelName, object>()
  if (new Set(scopes.map(({ level }) => level)).size < scopes.length) {
    throw new StatemeshError('SCOPE_INVALID', 'a hierarchy has one scope of each level')
  }
  const close = () => {
    for (const handle of handles) handle.close()
  }
  try {
    const settings = await openReadThrough(replica, scopes, Settings, options)
    handles.push(settings)
    for (const scope of scopes) {
      const level: [string, { close(): void }][] = []
      for (const [name, definition] of Object.entries(levels[scope.level])) {
        const handle =
          'layout' in definition
            ? await openModule(replica, scope, definition, options)
            : await replica.open(scope, definition, options)
        handles.push(handle)
        level.push([name, handle])
      }
      opened.set(scope.level, Object.freeze(Object.fromEntries(level)))
    }
    const at = (level: LevelName) => {
      const found = opened.get(level)
      if (found === undefined) throw new StatemeshError('SCOPE_INVALID', `no ${level} is open here`)
      return found
    }
    return Object.freeze({ scopes, settings, at, close })
  } catch (error) {
    close()
    throw error
  }
}
