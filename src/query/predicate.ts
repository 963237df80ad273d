/**
 * Tells whether an entry has what a filter asks for. What conditions allow a field to be is known as
 * intervals of index keys; where the field holds plain scalars these decide, and everything else does
 * mingo, which takes several times as long, and as long again to begin.
 */
import { Query } from 'mingo/query'
import { type Clause, clausesOf } from './clause.ts'
import { readPath } from './entry-fields.ts'
import { type Conjunction, operatorsAllowed } from './filter.ts'
import { isExact, scalarOf } from './index-key.ts'
import { holds } from './interval.ts'
import type { Subject } from './plain-value.ts'

/** Whether a subject has what a filter asks for. */
export function predicateOf(filter: Conjunction): (subject: Subject) => boolean {
  const { fields, alternatives, whole, criteria } = filter
  if (Object.keys(criteria).length === 0) return () => true
  let query: Query | undefined
  const ask = (subject: Subject) => {
    query ??= new Query(criteria, { context: operatorsAllowed, scriptEnabled: false })
    return query.test(subject)
  }
  const read = fields.map(clausesOf)
  const clauses = read.flatMap(field => field.clauses)
  const decided = whole && alternatives.length === 0 && read.every(({ complete }) => complete)
  return subject => {
    for (const clause of clauses) {
      const answer = answerOf(clause, readPath(subject, clause.path))
      if (answer === false) return false
      if (answer === undefined) return ask(subject)
    }
    return decided || ask(subject)
  }
}

/** Undefined where mingo has to say. */
function answerOf({ path, intervals }: Clause, read: unknown): boolean | undefined {
  if (!Array.isArray(read)) return answerFor(read, intervals)
  // What is in arrays on the way may count, or the arrays themselves.
  if (path.includes('.')) return undefined
  let answer: boolean | undefined = false
  for (const element of read) {
    const own = answerFor(element, intervals)
    if (own === undefined) return undefined
    if (own) answer = true
  }
  return answer
}

function answerFor(value: unknown, intervals: Clause['intervals']): boolean | undefined {
  const key = scalarOf(value)
  if (!isExact(key)) return undefined
  for (const interval of intervals) if (holds(interval, key)) return true
  return false
}
