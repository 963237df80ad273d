/** Several modules of a scope as one state, each still in a document of its own. */

import { StatemeshError } from '../base/error.ts'
import type { Scope } from '../model/scope.ts'
import { openModule, type StateChange, type StateModule } from './module.ts'
import type { ActionReducers, ModuleDefinition } from './module-definition.ts'
import type { OpenOptions, StateReplica } from './replica-port.ts'
import { readStateText, stateText } from './state-text.ts'

// biome-ignore lint/suspicious/noExplicitAny: reducers take their state and give it, so that neither unknown nor never stands for every one
export type AnyModuleDefinition = ModuleDefinition<any, any>

export interface ModuleSet {
  readonly [name: string]: AnyModuleDefinition
}

/** The open modules of a set, by the names that the set gives them. */
export type OpenModules<Set extends ModuleSet> = {
  readonly [Name in keyof Set]: Set[Name] extends ModuleDefinition<infer State, infer Actions>
    ? StateModule<State, Actions extends ActionReducers<State> ? Actions : never>
    : never
}

export type ComposedState<Set extends ModuleSet> = {
  readonly [Name in keyof Set]: Set[Name] extends ModuleDefinition<infer State, infer _>
    ? State
    : never
}

export interface ComposedModules<Set extends ModuleSet> {
  /** Each module, to dispatch to. */
  readonly modules: OpenModules<Set>
  /** The states of all as one frozen object; the same object as long as none changed. */
  readonly state: ComposedState<Set>
  /** Calls `listener` at every change of one of them. @returns ends it */
  subscribe(listener: (change: StateChange<ComposedState<Set>>) => void): () => void
  serialize(): string
  /**
   * Restores all modules of a text; those that it does not name stay as they are.
   *
   * @throws VALUE_INVALID, and nothing is changed where the text is none or names a strange module;
   * where one state is refused by its schema, those before it are restored
   */
  restore(text: string): void
  close(): void
}

/**
 * Opens modules of a scope as one state. Actions on different modules are separate changes: what
 * has to be seen together belongs into one module.
 *
 * @throws as `openModule` does; none is open then
 */
export async function composeModules<const Set extends ModuleSet>(
  replica: StateReplica,
  scope: Scope,
  set: Set,
  options: OpenOptions = {},
): Promise<ComposedModules<Set>> {
  const opened = new Map<string, StateModule<object, ActionReducers<object>>>()
  try {
    for (const [name, definition] of Object.entries(set)) {
      opened.set(name, await openModule(replica, scope, definition, options))
    }
  } catch (error) {
    for (const module of opened.values()) module.close()
    throw error
  }
  return compose(opened) as unknown as ComposedModules<Set>
}

function compose(opened: ReadonlyMap<string, StateModule<object, ActionReducers<object>>>) {
  let last: Readonly<Record<string, object>> = {}
  /** The same object while every part is. */
  const current = () => {
    const state = Object.fromEntries([...opened].map(([name, { state }]) => [name, state]))
    const same = [...opened.keys()].every(name => state[name] === last[name])
    if (!same) last = Object.freeze(state)
    return last
  }
  current()
  return {
    modules: Object.freeze(Object.fromEntries(opened)),
    get state() {
      return current()
    },
    subscribe(listener: (change: StateChange<object>) => void) {
      const ends = [...opened].map(([name, module]) => {
        return module.subscribe(({ previous, ...change }) => {
          const before = Object.freeze({ ...current(), [name]: previous })
          listener(Object.freeze({ ...change, state: current(), previous: before }))
        })
      })
      return () => {
        for (const end of ends) end()
      }
    },
    serialize: () => stateText(current()),
    restore(text: string) {
      const states = Object.entries(readStateText(text) as Record<string, unknown>)
      const strange = states.find(([name]) => !opened.has(name))
      if (strange !== undefined) {
        throw new StatemeshError('VALUE_INVALID', `there is no module "${strange[0]}" to restore`)
      }
      for (const [name, state] of states) opened.get(name)?.restore(stateText(state))
    },
    close() {
      for (const module of opened.values()) module.close()
    },
  }
}
