/** Modules in process: what an action costs, in a small state and in a large one. */
import * as Y from 'yjs'
import { openPartition } from '../../../src/partition/open-partition.ts'
import type { RegisterPartition } from '../../../src/partition/register/register-partition.ts'
import { StateModule } from '../../../src/state/module.ts'
import { defineModule } from '../../../src/state/module-definition.ts'
import { table } from '../../../src/state/table.ts'
import { testHost } from '../../partition/replica-model.ts'
import type { Benchmark } from '../figure.ts'

interface User {
  name: string
  visits: number
}
interface Visit {
  readonly id: string
  readonly visits: number
}
type Record = { [id: string]: User }

const InTable = defineModule({
  name: 'table',
  initial: { users: table<User>(), topic: '' },
  actions: {
    visit: (state, { id, visits }: Visit) => {
      const user = state.users.get(id)
      if (user) user.visits = visits
      else state.users.set(id, { name: id, visits })
    },
  },
})
const InMap = defineModule({
  name: 'map',
  initial: { users: new Map<string, User>(), topic: '' },
  actions: {
    visit: (state, { id, visits }: Visit) => {
      const user = state.users.get(id)
      if (user) user.visits = visits
      else state.users.set(id, { name: id, visits })
    },
  },
})
const InRecord = defineModule({
  name: 'record',
  initial: { users: {} as Record, topic: '' },
  actions: {
    visit: (state, { id, visits }: Visit) => {
      const user = state.users[id]
      if (user) user.visits = visits
      else state.users[id] = { name: id, visits }
    },
    /** The other form: the reducer copies, and the copy is compared with what was there. */
    copy: (state, { id, visits }: Visit) => {
      const user = state.users[id] ?? { name: id, visits: 0 }
      return { ...state, users: { ...state.users, [id]: { ...user, visits } } }
    },
  },
})

interface Visited {
  readonly state: unknown
  dispatch(action: 'visit' | 'copy', visit: Visit): void
}

/** A module with many users in it. */
function filled(
  definition: typeof InTable | typeof InMap | typeof InRecord,
  entries: number,
): Visited {
  const registers = openPartition(definition.partition, quietHost()) as unknown as RegisterPartition
  const module = new StateModule(definition as typeof InRecord, registers)
  for (let entry = 0; entry < entries; entry++) {
    module.dispatch('visit', { id: `user ${entry}`, visits: 0 })
  }
  return module
}

function quietHost(): ReturnType<typeof testHost> {
  return testHost({ doc: new Y.Doc(), checkPolicies: false })
}

interface Dispatching {
  readonly times?: number
  readonly action?: 'visit' | 'copy'
  /** Whether the state is read after each action. */
  readonly read?: boolean
}

/** Microseconds for an action that changes one field of one entry. */
function dispatchIn(
  figure: string,
  open: () => Visited,
  entries: number,
  { times = 5_000, action = 'visit', read = true }: Dispatching = {},
): Benchmark {
  return {
    figures: { [figure]: 'us' },
    run() {
      const module = open()
      void module.state
      const start = performance.now()
      for (let index = 0; index < times; index++) {
        module.dispatch(action, { id: `user ${(index * 7919) % entries}`, visits: index + 1 })
        if (read) void module.state
      }
      return { [figure]: ((performance.now() - start) * 1000) / times }
    },
  }
}

const [small, large, huge] = [100, 10_000, 100_000]

export const benchmarks: readonly Benchmark[] = [
  dispatchIn('dispatch-100', () => filled(InTable, small), small),
  dispatchIn('dispatch-10k', () => filled(InTable, large), large),
  dispatchIn('dispatch-100k', () => filled(InTable, huge), huge),
  dispatchIn('dispatch-10k-map', () => filled(InMap, large), large, { read: false }),
  dispatchIn('dispatch-10k-record', () => filled(InRecord, large), large, { read: false }),
  // A plain collection is copied when it is read after a change.
  dispatchIn('dispatch-10k-map-read', () => filled(InMap, large), large, { times: 100 }),
  dispatchIn('dispatch-10k-record-read', () => filled(InRecord, large), large, { times: 100 }),
  dispatchIn('dispatch-10k-record-copied', () => filled(InRecord, large), large, {
    times: 100,
    action: 'copy',
  }),
]
