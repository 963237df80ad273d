/**
 * An open module: a frozen state, and actions that change it. What an action changes is written
 * part by part, so that actions on different parts merge, wherever they were done at once.
 */
import { Emitter } from '../base/emitter.ts'
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { Sibling } from '../model/partition-definition.ts'
import type { Scope } from '../model/scope.ts'
import { PickedSibling } from '../partition/inbox/inbox.ts'
import type { RegisterChange, RegisterPartition } from '../partition/register/register-partition.ts'
import type { Problem } from '../partition/register/register-view.ts'
import { checkState } from './check-state.ts'
import { type Draft, Drafting } from './draft.ts'
import { DraftRecord } from './draft-record.ts'
import type { ActionReducers, ModuleDefinition, PayloadOf, Reducer } from './module-definition.ts'
import type { OpenOptions, StateReplica } from './replica-port.ts'
import { diffState, type PartWrites } from './state-diff.ts'
import { readStateText, stateText } from './state-text.ts'
import { StateTree } from './state-tree.ts'
import { gone, type Part, readPart, readPlace } from './stored-part.ts'
import { placeSuffix, splitPath } from './stored-path.ts'

export interface StateChange<State> {
  readonly state: State
  readonly previous: State
  readonly origin: 'local' | 'remote'
  /** The action of this handle that did it; undefined for a change from elsewhere. */
  readonly action: string | undefined
}

/** Two writes of one part of the state that did not see each other. */
export interface StateConflict {
  /** The part, as `/users/=alice/status`; what `resolve` takes. */
  readonly path: string
  /** The writes, the one that wins by order first. A collection's value is not told. */
  readonly siblings: readonly Sibling[]
}

/**
 * Opens a module of a scope. Its parts are in a document of its own, named as the module is.
 *
 * @throws as `Replica.open` does
 */
export async function openModule<State extends object, Actions extends ActionReducers<State>>(
  replica: StateReplica,
  scope: Scope,
  definition: ModuleDefinition<State, Actions>,
  options: OpenOptions = {},
): Promise<StateModule<State, Actions>> {
  const registers = await replica.open(scope, definition.partition, options)
  return new StateModule(definition, registers as unknown as RegisterPartition)
}

export class StateModule<State extends object, Actions extends ActionReducers<State>> {
  readonly #definition: ModuleDefinition<State, Actions>
  readonly #registers: RegisterPartition
  readonly #tree = new StateTree()
  /** The parts of the initial state, which is not written. */
  readonly #initial: ReadonlyMap<string, Part>
  readonly #malformed = new Map<string, StatemeshError>()
  readonly #listeners = new Emitter<{ change: StateChange<State> }>()
  /** The state as listeners were told it; where there are none, it is not kept up. */
  #told: State
  #action: string | undefined
  /** Paths that were just written, and that no change has named yet. */
  #untold = new Set<string>()
  #reducing = false

  /** Not for users: `openModule` makes it. */
  constructor(definition: ModuleDefinition<State, Actions>, registers: RegisterPartition) {
    this.#definition = definition
    this.#registers = registers
    this.#initial = diffState(this.#tree, definition.layout, definition.initial) as Map<
      string,
      Part
    >
    for (const path of this.#initial.keys()) this.#refresh(path)
    for (const path of registers.keys()) this.#refresh(path)
    this.#told = this.state
    registers.subscribe(this.#changed)
  }

  /** The state as it is now, frozen. What did not change is the same object as before. */
  get state(): State {
    return this.#tree.state as State
  }

  /**
   * Does an action: at once here, later everywhere. It costs what it changes; what it changed is
   * built when `state` is read, or a listener told.
   *
   * @throws ACTION_UNKNOWN, ACTION_FAILED when the reducer threw, VALUE_INVALID when the new state
   * breaks the schema or cannot be stored (cycles, instances of classes), KEY_INVALID when a name
   * in it is too long, CLOSED; nothing is changed then
   */
  dispatch<Name extends keyof Actions & string>(
    action: Name,
    ...payload: PayloadOf<Actions[Name]>
  ): void {
    const { actions } = this.#definition
    const reducer = Object.hasOwn(actions, action) ? actions[action] : undefined
    if (reducer === undefined) {
      throw new StatemeshError(
        'ACTION_UNKNOWN',
        `${this.#definition.name} has no action "${action}"`,
      )
    }
    this.#become(this.#reduce(action, reducer, payload[0]), action)
  }

  /** The state as a text, the same on all replicas that hold the same. */
  serialize(): string {
    return stateText(this.state)
  }

  /**
   * Makes the state what a text of `serialize` says, as one change that merges like any other.
   *
   * @throws as `dispatch` does
   */
  restore(text: string): void {
    this.#become(readStateText(text), 'restore')
  }

  /**
   * Calls `listener` after every transaction, local or remote, that changed the state.
   *
   * @returns ends it
   */
  subscribe(listener: (change: StateChange<State>) => void): () => void {
    if (!this.#listeners.has('change')) this.#told = this.state
    return this.#listeners.on('change', listener)
  }

  /**
   * Calls `listener` when what `selector` takes from the state is another value or object.
   *
   * @returns ends it
   */
  select<Selected>(
    selector: (state: State) => Selected,
    listener: (selected: Selected, previous: Selected) => void,
  ): () => void {
    let last = selector(this.state)
    return this.subscribe(({ state }) => {
      const selected = selector(state)
      if (Object.is(selected, last)) return
      const previous = last
      last = selected
      listener(selected, previous)
    })
  }

  /** The parts whose writes did not see each other and do not say the same. @throws CLOSED */
  conflicts(): StateConflict[] {
    return this.#registers.conflicts().map(({ key, siblings }) => {
      return { path: key, siblings: siblings.map(withOwnValue) }
    })
  }

  /**
   * Resolves the conflict of a part: with a value that is kept whole, undefined to delete it, or
   * `pick(sibling)`.
   *
   * @throws CONFLICT_CHANGED, VALUE_INVALID, CLOSED
   */
  resolve(path: string, answer: unknown): void {
    this.#registers.resolve(
      path,
      answer instanceof PickedSibling ? answer : this.#whole(path, answer),
    )
  }

  /** What the schema says against the state as merged; undefined if nothing. */
  violation(): StatemeshError | undefined {
    const { schema } = this.#definition
    if (schema === undefined) return undefined
    try {
      checkState(schema, this.state, undefined)
      return undefined
    } catch (thrown) {
      return toStatemeshError(thrown, 'VALUE_INVALID')
    }
  }

  /** What is in the document but not in the state, and why. @throws CLOSED */
  problems(): Problem[] {
    const malformed = [...this.#malformed].map(([place, error]) => ({ place, error }))
    return [...this.#registers.problems(), ...malformed]
  }

  /** Gives the document back. Later calls throw CLOSED; the last state can still be read. */
  close(): void {
    this.#registers.close()
  }

  /** What the reducer changed in its draft, or the state that it gave. */
  #reduce(action: string, reducer: Reducer<State>, payload: unknown): unknown {
    if (this.#reducing) {
      throw new StatemeshError('ACTION_FAILED', 'a reducer is pure: it must not dispatch')
    }
    this.#reducing = true
    const drafting = new Drafting(this.#tree)
    try {
      const given = reducer(drafting.root as Draft<State>, payload as never)
      const recorded = drafting.recordedOf(drafting.root) as DraftRecord
      if (given === undefined || given === drafting.root) return recorded
      if (!recorded.modified()) return drafting.plain(given)
      throw new Error('it changes its draft, or it returns a state')
    } catch (thrown) {
      const { message } = toStatemeshError(thrown, 'ACTION_FAILED')
      throw new StatemeshError('ACTION_FAILED', `${action}: ${message}`, { cause: thrown })
    } finally {
      drafting.end()
      this.#reducing = false
    }
  }

  #become(next: unknown, action: string): void {
    const { schema, layout } = this.#definition
    const recorded = next instanceof DraftRecord
    if (!recorded && Object.is(next, this.state)) return
    if (!recorded && layout.kindOf(next) !== 'o') {
      throw new StatemeshError('VALUE_INVALID', 'a state is a plain object, and no promise of one')
    }
    // First what can be stored: a schema would follow a cycle for ever.
    const writes = diffState(this.#tree, layout, next as object)
    if (writes.size === 0) return
    if (schema !== undefined) checkState(schema, next, recorded ? undefined : this.state)
    this.#action = action
    try {
      this.#write(writes)
    } finally {
      this.#action = undefined
    }
  }

  #write(writes: PartWrites): void {
    this.#untold = new Set(writes.keys())
    this.#registers.transact(() => {
      for (const [path, part] of writes) {
        if (part !== undefined) this.#registers.set(path, part)
        // What nobody wrote cannot be deleted.
        else if (this.#initial.has(path)) this.#registers.set(path, gone)
        else this.#registers.delete(path)
      }
    })
    // Within a listener of this partition the change is told later, but is to be read now.
    for (const path of this.#untold) this.#refresh(path)
  }

  #whole(path: string, answer: unknown): unknown {
    if (answer === undefined) return this.#initial.has(path) ? gone : undefined
    if (path.endsWith(placeSuffix)) return { p: answer }
    const { p, k } = this.#node(path)?.part ?? {}
    return { v: answer, ...(p && { p }), ...(k !== undefined && { k }) }
  }

  readonly #changed = (changes: readonly RegisterChange<unknown>[]): void => {
    for (const { key } of changes) {
      this.#refresh(key)
      this.#untold.delete(key)
    }
    if (!this.#listeners.has('change')) return
    const previous = this.#told
    const { state } = this
    this.#told = state
    if (Object.is(state, previous)) return
    const origin = changes[0]?.origin ?? 'local'
    const action = origin === 'local' ? this.#action : undefined
    this.#listeners.emit('change', Object.freeze({ state, previous, origin, action }))
  }

  #node(path: string): ReturnType<StateTree['reach']> | undefined {
    const segments = splitPath(path)
    return segments && this.#tree.reach(segments)
  }

  /** Reads what is stored at a path again. What cannot be read counts as not there. */
  #refresh(path: string): void {
    this.#malformed.delete(path)
    const stored = this.#registers.get(path)
    const isPlace = path.endsWith(placeSuffix)
    const node = this.#node(isPlace ? path.slice(0, -placeSuffix.length) : path)
    try {
      if (node === undefined) throw new StatemeshError('ENTRY_INVALID', 'not a path of a state')
      if (isPlace) {
        node.moved = undefined
        if (stored !== undefined) node.moved = readPlace(stored)
      } else {
        node.part = undefined
        node.part = stored === undefined ? this.#initial.get(path) : readPart(stored)
      }
    } catch (thrown) {
      this.#malformed.set(path, toStatemeshError(thrown, 'ENTRY_INVALID'))
    }
    if (node === undefined) return
    this.#tree.touch(node)
    this.#tree.prune(node)
  }
}

function withOwnValue(sibling: Sibling): Sibling {
  const { value } = sibling
  const own = typeof value === 'object' && value !== null && 'v' in value ? value.v : undefined
  return Object.freeze({ ...sibling, value: own })
}
