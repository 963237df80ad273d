/** Scopes of all shapes, with ids that are likely to be the same or to contain separators. */
import fc from 'fast-check'
import { idBytesMax } from '../../src/model/id.ts'
import {
  agent,
  conversation,
  globalScope,
  message,
  room,
  type Scope,
  type ScopeLevel,
  scopeLevels,
} from '../../src/model/scope.ts'

const legalText = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 20 })
  .filter(id => !/\p{Cc}/u.test(id) && new TextEncoder().encode(id).length <= idBytesMax)

export const anyId: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('a', 'b', 'a/b', 'a:b', '%61', '.', '..', '/', 'room:a'),
  legalText,
)

export const anyScope: fc.Arbitrary<Scope> = fc
  .tuple(fc.subarray([...scopeLevels]), fc.array(anyId, { minLength: 4, maxLength: 4 }))
  .map(([levels, ids]) =>
    levels.reduce((scope, level, i) => narrow(scope, level, ids[i] as string), globalScope),
  )

const outermost = { agent, room, conversation, message }

function narrow(scope: Scope, level: ScopeLevel, id: string): Scope {
  return scope === globalScope || level === 'agent' ? outermost[level](id) : scope[level](id)
}
