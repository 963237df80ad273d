/** Which kind of partition a document is, told by the names of its roots. */
import type * as Y from 'yjs'
import { budgetsRoot } from '../../partition/budget/budget-view.ts'
import { countersRoot } from '../../partition/counter-partition.ts'
import { jointsRoot, laneWriter } from '../../partition/log/log-entry.ts'
import { registersRoot } from '../../partition/register/register-entry.ts'

/**
 * `registers` are all policies of keys with whole values; `crdt` is whatever has roots of its own, which
 * includes the documents of stock Yjs clients.
 */
export type DocumentKind = 'empty' | 'registers' | 'counter' | 'budget' | 'log' | 'crdt'

export function kindOf(doc: Y.Doc): DocumentKind {
  const roots = [...doc.share.keys()]
  if (roots.length === 0) return 'empty'
  if (roots.includes(registersRoot)) return 'registers'
  if (roots.includes(budgetsRoot)) return 'budget'
  if (roots.includes(countersRoot)) return 'counter'
  const isLog = roots.every(root => root === jointsRoot || laneWriter(root) !== undefined)
  return isLog ? 'log' : 'crdt'
}
