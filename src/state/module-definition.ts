/** The declaration of a module: a typed state, and the only ways in which it changes. */
import type { z } from 'zod'
import { StatemeshError } from '../base/error.ts'
import {
  definePartition,
  type PartitionDefinition,
  type PolicyFunction,
  type PolicyName,
} from '../model/partition-definition.ts'
import { checkState } from './check-state.ts'
import type { Draft } from './draft.ts'
import { type LayoutOptions, type StateLayout, stateLayout } from './state-layout.ts'

/**
 * What an action does: it changes the draft of the state that it gets, or leaves that alone and
 * returns another state, of which everything that did not change is the same object. It is pure: no
 * clock, no randomness (put them into the payload), no writes elsewhere, nothing that waits.
 */
export type Reducer<State> = (state: Draft<State>, payload: never) => State | void

export interface ActionReducers<State> {
  readonly [action: string]: Reducer<State>
}

/** How the parts of a state may be decided when writes did not see each other. */
export type ModulePolicy = Extract<PolicyName, 'last-write-wins' | 'manual'> | PolicyFunction

export interface ModuleOptions<State extends object, Actions extends ActionReducers<State>>
  extends LayoutOptions {
  name: string
  /** Checked before anything is written; what it would change (defaults) is not taken. */
  schema?: z.ZodType<State>
  /** What is read before anything is written. It is not written itself, and must not change. */
  initial: State
  actions: Actions
  /** `last-write-wins` unless given; for each part on its own. */
  policy?: ModulePolicy
}

export interface ModuleDefinition<State extends object, Actions extends ActionReducers<State>> {
  readonly name: string
  readonly schema: z.ZodType<State> | undefined
  readonly initial: State
  readonly actions: Actions
  readonly layout: StateLayout
  readonly partition: PartitionDefinition<unknown, ModulePolicy>
}

/** The payload that an action takes, as the rest of an argument list. */
export type PayloadOf<Action> = Action extends (...args: infer Args) => unknown
  ? Args extends [unknown, infer Payload]
    ? [payload: Payload]
    : []
  : never

/**
 * Declares a module.
 *
 * @throws PARTITION_INVALID for a malformed name or path, a part that is missing, or an action that
 * is no function;
 * VALUE_INVALID if the initial state does not fit the schema
 */
export function defineModule<State extends object, Actions extends ActionReducers<State>>(
  options: ModuleOptions<State, Actions>,
): ModuleDefinition<State, Actions> {
  const { name, schema, initial, actions, policy = 'last-write-wins' } = options
  for (const part of [initial, actions] as readonly unknown[]) {
    if (typeof part === 'object' && part !== null) continue
    const why = `${name}: a module has an initial state and actions`
    throw new StatemeshError('PARTITION_INVALID', why)
  }
  for (const [action, reducer] of Object.entries(actions)) {
    if (typeof reducer === 'function') continue
    throw new StatemeshError('PARTITION_INVALID', `${name}: the action "${action}" is no function`)
  }
  if (schema !== undefined) checkState(schema, initial, undefined)
  const partition = definePartition({ name, policy: policy as PolicyName })
  return Object.freeze({
    name,
    schema,
    initial,
    actions,
    layout: stateLayout(options),
    partition: partition as PartitionDefinition<unknown, ModulePolicy>,
  })
}
