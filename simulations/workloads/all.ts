/** The workloads that runs draw from. */
import { budgets } from './budgets.ts'
import { counters } from './counters.ts'
import { events } from './events.ts'
import { history } from './history.ts'
import { inbox } from './inbox.ts'
import { logs } from './logs.ts'
import { migrations } from './migrations.ts'
import { modules } from './modules.ts'
import { native } from './native.ts'
import { permissions } from './permissions.ts'
import { presence } from './presence.ts'
import { queries } from './queries.ts'
import { registers } from './registers.ts'
import { transitions } from './transitions.ts'
import { visitors } from './visitors.ts'
import type { Workload } from './workload.ts'

export const workloads: readonly Workload[] = [
  registers,
  native,
  counters,
  logs,
  budgets,
  inbox,
  modules,
  events,
  history,
  migrations,
  transitions,
  visitors,
  permissions,
  queries,
  presence,
]
