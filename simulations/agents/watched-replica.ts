/** A replica as an agent has it: every document that it opens is looked at by the checkers. */
import type { Replica } from '../../src/replica.ts'
import type { Seat } from '../workloads/workload.ts'

export function watchedReplica({ replica, document }: Seat): Replica {
  const open: Replica['open'] = async (scope, definition, options) => {
    await document(scope, definition.name)
    return replica.open(scope, definition, options)
  }
  return new Proxy(replica, {
    get(target, property) {
      if (property === 'open') return open
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
