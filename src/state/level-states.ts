/** What agents keep at each level of scopes, as modules: the states of the ElizaOS document. */
import type { Draft } from './draft.ts'
import { defineModule, type ModuleDefinition } from './module-definition.ts'
import { type Table, table } from './table.ts'

export interface Goal {
  readonly id: string
  readonly description: string
  readonly status: 'open' | 'done' | 'dropped'
  readonly priority?: number
}

export interface Relationship {
  readonly kind: string
  readonly strength?: number
  readonly notes?: string
}

/** Anything that can be stored. */
export type Values = { readonly [name: string]: unknown }

export interface GlobalState {
  readonly systemConfig: Values
  readonly sharedResources: Table<unknown>
}

export interface AgentState {
  readonly character: Values
  readonly goals: readonly Goal[]
  readonly relationships: Table<Relationship>
  readonly knowledge: Table<unknown>
}

export interface RoomState {
  readonly participants: ReadonlySet<string>
  readonly context: string
  readonly metadata: Values
}

export interface ConversationState {
  readonly currentTopic: string | null
  readonly sentiment: number
  readonly activeGoals: readonly Goal[]
}

export interface MessageState {
  readonly status: 'received' | 'processed' | 'failed'
  readonly annotations: Values
}

type Sets<State, Payload> = (state: Draft<State>, payload: Payload) => void

export type GlobalActions = {
  readonly configure: Sets<GlobalState, Values>
  readonly share: Sets<GlobalState, { readonly name: string; readonly resource: unknown }>
  readonly withdraw: Sets<GlobalState, string>
}
export type AgentActions = GoalActions<AgentState> & {
  readonly describe: Sets<AgentState, Values>
  readonly relate: Sets<AgentState, { readonly to: string; readonly relationship: Relationship }>
  readonly learn: Sets<AgentState, { readonly name: string; readonly fact: unknown }>
  readonly forget: Sets<AgentState, string>
}
export type RoomActions = {
  readonly join: Sets<RoomState, string>
  readonly leave: Sets<RoomState, string>
  readonly setContext: Sets<RoomState, string>
  readonly describe: Sets<RoomState, Values>
}
export type ConversationActions = GoalActions<ConversationState> & {
  readonly setTopic: Sets<ConversationState, string | null>
  readonly feel: Sets<ConversationState, number>
}
export type MessageActions = {
  readonly setStatus: Sets<MessageState, MessageState['status']>
  readonly annotate: Sets<MessageState, Values>
}
/** Goals are kept apart by id, and so are their fields. */
export type GoalActions<State> = {
  readonly setGoal: Sets<State, Goal>
  readonly completeGoal: Sets<State, string>
  readonly dropGoal: Sets<State, string>
}

/** A payload of several names sets those; undefined takes one away. */
function put<State, Field extends keyof Draft<State>>(field: Field): Sets<State, Values> {
  return (state, values) => {
    Object.assign(state[field] as object, values)
  }
}

function goalActions<State, Field extends keyof Draft<State>>(field: Field): GoalActions<State> {
  const goalsOf = (state: Draft<State>) => state[field] as Draft<Goal>[]
  const finish = (status: Goal['status']) => (state: Draft<State>, id: string) => {
    const goal = goalsOf(state).find(goal => goal.id === id)
    if (goal !== undefined) goal.status = status
  }
  return {
    setGoal: (state, goal) => {
      const goals = goalsOf(state)
      const known = goals.findIndex(({ id }) => id === goal.id)
      goals[known < 0 ? goals.length : known] = goal
    },
    completeGoal: finish('done'),
    dropGoal: finish('dropped'),
  }
}

export const GlobalModule: ModuleDefinition<GlobalState, GlobalActions> = defineModule({
  name: 'system',
  initial: { systemConfig: {}, sharedResources: table<unknown>() } as GlobalState,
  actions: {
    configure: put<GlobalState, 'systemConfig'>('systemConfig'),
    share: (state, { name, resource }) => void state.sharedResources.set(name, resource),
    withdraw: (state, name) => void state.sharedResources.delete(name),
  } satisfies GlobalActions,
})

export const AgentModule: ModuleDefinition<AgentState, AgentActions> = defineModule({
  name: 'agent',
  initial: {
    character: {},
    goals: [],
    relationships: table<Relationship>(),
    knowledge: table<unknown>(),
  } as AgentState,
  actions: {
    ...goalActions<AgentState, 'goals'>('goals'),
    describe: put<AgentState, 'character'>('character'),
    relate: (state, { to, relationship }) => void state.relationships.set(to, relationship),
    learn: (state, { name, fact }) => void state.knowledge.set(name, fact),
    forget: (state, name) => void state.knowledge.delete(name),
  } satisfies AgentActions,
})

export const RoomModule: ModuleDefinition<RoomState, RoomActions> = defineModule({
  name: 'room',
  initial: { participants: new Set<string>(), context: '', metadata: {} } as RoomState,
  actions: {
    join: (state, who) => void state.participants.add(who),
    leave: (state, who) => void state.participants.delete(who),
    setContext: (state, context) => {
      state.context = context
    },
    describe: put<RoomState, 'metadata'>('metadata'),
  } satisfies RoomActions,
})

export const ConversationModule: ModuleDefinition<ConversationState, ConversationActions> =
  defineModule({
    name: 'conversation',
    initial: { currentTopic: null, sentiment: 0, activeGoals: [] } as ConversationState,
    actions: {
      ...goalActions<ConversationState, 'activeGoals'>('activeGoals'),
      setTopic: (state, topic) => {
        state.currentTopic = topic
      },
      feel: (state, sentiment) => {
        state.sentiment = sentiment
      },
    } satisfies ConversationActions,
  })

export const MessageModule: ModuleDefinition<MessageState, MessageActions> = defineModule({
  name: 'message',
  initial: { status: 'received', annotations: {} } as MessageState,
  actions: {
    setStatus: (state, status) => {
      state.status = status
    },
    annotate: put<MessageState, 'annotations'>('annotations'),
  } satisfies MessageActions,
})
