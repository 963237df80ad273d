/**
 * Patterns of scopes: a scope's text in which `*` stands for any one id (`agent:*\/room:r1`, without the
 * backslash), and `**` at its end for everything within. A star that belongs to an id is `%2A`.
 */
import { parseScope, type Scope } from './scope.ts'

const anyId = ':*'
const within = '**'

/** @returns whether a scope fits @throws SCOPE_INVALID */
export function scopePattern(pattern: string): (scope: Scope) => boolean {
  const parts = String(pattern).split('/')
  const isDeep = parts.at(-1) === within
  if (isDeep) parts.pop()
  if (isDeep && parts.join() === 'global') parts.pop()
  const example = parts.map(part => (part.endsWith(anyId) ? `${part.slice(0, -1)}id` : part))
  if (!isDeep || parts.length > 0) parseScope(example.join('/').replaceAll('%2A', '*'))
  return scope => {
    const path = String(scope).split('/')
    if (isDeep ? path.length < parts.length : path.length !== parts.length) return false
    return parts.every((part, index) => fits(part, path[index] as string))
  }
}

function fits(part: string, segment: string): boolean {
  if (part.endsWith(anyId)) return segment.startsWith(part.slice(0, -1))
  return part.replaceAll('%2A', '*') === segment
}
