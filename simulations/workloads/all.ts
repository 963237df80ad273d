/** The workloads that runs draw from. */
import { budgets } from './budgets.ts'
import { counters } from './counters.ts'
import { logs } from './logs.ts'
import { native } from './native.ts'
import { registers } from './registers.ts'
import type { Workload } from './workload.ts'

export const workloads: readonly Workload[] = [registers, native, counters, logs, budgets]
