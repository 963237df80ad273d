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
  readonly name: string
  readonly visits: number
}
interface Visit {
  readonly id: string
  readonly visits: number
}
type Record = { readonly [id: string]: User }

const dispatches = 5_000

const InTable = defineModule({
  name: 'table',
  initial: { users: table<User>(), topic: '' },
  actions: {
    visit: (state, { id, visits }: Visit) => {
      const user = state.users.get(id) ?? { name: id, visits: 0 }
      return { ...state, users: state.users.with(id, { ...user, visits }) }
    },
  },
})
const InRecord = defineModule({
  name: 'record',
  initial: { users: {} as Record, topic: '' },
  actions: {
    visit: (state, { id, visits }: Visit) => {
      const user = state.users[id] ?? { name: id, visits: 0 }
      return { ...state, users: { ...state.users, [id]: { ...user, visits } } }
    },
    fill: (state, users: Record) => ({ ...state, users }),
  },
})

interface Visited {
  dispatch(action: 'visit', visit: Visit): unknown
}

function tableOf(entries: number): Visited {
  const registers = openPartition(InTable.partition, quietHost()) as unknown as RegisterPartition
  const module = new StateModule(InTable, registers)
  for (let entry = 0; entry < entries; entry++) {
    module.dispatch('visit', { id: `user ${entry}`, visits: 0 })
  }
  return module
}

function recordOf(entries: number): Visited {
  const registers = openPartition(InRecord.partition, quietHost()) as unknown as RegisterPartition
  const module = new StateModule(InRecord, registers)
  const users = Array.from({ length: entries }, (_, entry) => `user ${entry}`)
  module.dispatch('fill', Object.fromEntries(users.map(name => [name, { name, visits: 0 }])))
  return module
}

function quietHost(): ReturnType<typeof testHost> {
  return testHost({ doc: new Y.Doc(), checkPolicies: false })
}

/** Microseconds for an action that changes one field of one entry, the state read after each. */
function dispatchIn(
  figure: string,
  entries: number,
  open: (entries: number) => Visited,
  times = dispatches,
): Benchmark {
  return {
    figures: { [figure]: 'us' },
    run() {
      const module = open(entries)
      const start = performance.now()
      for (let index = 0; index < times; index++) {
        module.dispatch('visit', { id: `user ${(index * 7919) % entries}`, visits: index + 1 })
      }
      return { [figure]: ((performance.now() - start) * 1000) / times }
    },
  }
}

export const benchmarks: readonly Benchmark[] = [
  dispatchIn('dispatch-100', 100, tableOf),
  dispatchIn('dispatch-10k', 10_000, tableOf),
  dispatchIn('dispatch-100k', 100_000, tableOf),
  // A plain object is copied by the reducer itself, so it cannot but grow with the state.
  dispatchIn('dispatch-10k-record', 10_000, recordOf, 300),
]
