/** A module: actions on every kind of collection, dispatched at once on all replicas. */
import type * as Y from 'yjs'
import { room } from '../../src/model/scope.ts'
import { openModule, type StateModule } from '../../src/state/module.ts'
import { defineModule } from '../../src/state/module-definition.ts'
import { type Table, table } from '../../src/state/table.ts'
import { type AddedEntry, checkModule } from '../checkers/merged-modules.ts'
import { liveClocks } from '../oracle/document-clocks.ts'
import type { Player, Seat, Workload } from './workload.ts'

interface Task {
  readonly id: string
  readonly title: string
  readonly done: boolean
}

interface Board {
  readonly pair: { readonly a: number; readonly b: number }
  readonly members: ReadonlySet<string>
  readonly messages: Table<{ readonly text: string }>
  readonly scores: ReadonlyMap<string, number>
  readonly tasks: readonly Task[]
}

const initial: Board = {
  pair: { a: 0, b: 0 },
  members: new Set<string>(),
  messages: table<{ readonly text: string }>(),
  scores: new Map(),
  tasks: [],
}

const Boards = defineModule({
  name: 'board',
  initial,
  actions: {
    pair: (state: Board, n: number) => ({ ...state, pair: { a: n, b: n } }),
    join: (state: Board, who: string) => ({ ...state, members: new Set([...state.members, who]) }),
    leave: (state: Board, who: string) => ({
      ...state,
      members: new Set([...state.members].filter(member => member !== who)),
    }),
    say: (state: Board, id: string) => ({
      ...state,
      messages: state.messages.with(id, { text: `text of ${id}` }),
    }),
    score: (state: Board, who: string) => ({
      ...state,
      scores: new Map([...state.scores, [who, (state.scores.get(who) ?? 0) + 1]]),
    }),
    add: (state: Board, task: Task) => ({ ...state, tasks: [...state.tasks, task] }),
    finish: (state: Board, id: string) => ({
      ...state,
      tasks: state.tasks.map(task => (task.id === id ? { ...task, done: !task.done } : task)),
    }),
    raise: (state: Board, id: string) => ({
      ...state,
      tasks: [
        ...state.tasks.filter(task => task.id === id),
        ...state.tasks.filter(task => task.id !== id),
      ],
    }),
    drop: (state: Board, id: string) => ({
      ...state,
      tasks: state.tasks.filter(task => task.id !== id),
    }),
  },
})

type BoardModule = StateModule<Board, (typeof Boards)['actions']>

/** What all players share: the messages that were said, and names that nobody has had. */
interface Shared {
  readonly said: AddedEntry[]
  fresh(): number
}

export const modules: Workload = {
  name: 'modules',
  weight: 0.35,
  plan() {
    let last = 0
    const fresh = () => {
      last += 1
      return last
    }
    const shared: Shared = { said: [], fresh }
    return {
      async join(seat: Seat): Promise<Player> {
        const doc = await seat.document(room('sim'), Boards.name)
        const module = await openModule(seat.watched, room('sim'), Boards)
        return new ModulePlayer(seat, module, doc, shared)
      },
    }
  },
}

class ModulePlayer implements Player {
  readonly #seat: Seat
  readonly #module: BoardModule
  readonly #doc: Y.Doc
  readonly #shared: Shared

  constructor(seat: Seat, module: BoardModule, doc: Y.Doc, shared: Shared) {
    this.#seat = seat
    this.#module = module
    this.#doc = doc
    this.#shared = shared
  }

  act(): void {
    const { dice, name } = this.#seat
    const { tasks } = this.#module.state
    const task = tasks.length === 0 ? undefined : dice.pick(tasks).id
    switch (dice.below(9)) {
      case 0:
        return void this.#module.dispatch('pair', this.#shared.fresh())
      case 1:
        return void this.#module.dispatch(dice.chance(0.6) ? 'join' : 'leave', name)
      case 2:
        return void this.#module.dispatch('score', dice.pick(['r1', 'r2', name]))
      case 3:
        if (task !== undefined) this.#module.dispatch('finish', task)
        return
      case 4:
        if (task !== undefined) this.#module.dispatch('raise', task)
        return
      case 5:
        if (task !== undefined && tasks.length > 3) this.#module.dispatch('drop', task)
        return
      case 6:
        return this.#add()
      default:
        return this.#say()
    }
  }

  look(): void {
    if (this.#module.conflicts().length > 0) this.#seat.marks.hit('conflict in a module')
    if (this.#seat.dice.chance(0.2)) this.#check()
  }

  view(): string {
    this.#check()
    return this.#module.serialize()
  }

  #add(): void {
    const id = `task-${this.#shared.fresh()}`
    this.#module.dispatch('add', { id, title: 'to be done', done: false })
  }

  #say(): void {
    const id = `message-${this.#shared.fresh()}`
    this.#module.dispatch('say', id)
    const writer = this.#doc.clientID
    this.#shared.said.push({ id, writer, end: liveClocks(this.#doc).get(writer) ?? 0 })
  }

  #check(): void {
    const { state } = this.#module
    const merged = {
      pair: state.pair,
      has: (id: string) => state.messages.has(id),
      problems: this.#module.problems().filter(({ error }) => error.code !== 'CLOCK_DRIFT'),
    }
    const clues = { added: this.#shared.said, known: liveClocks(this.#doc) }
    checkModule(this.#seat.name, merged, clues)
  }
}
