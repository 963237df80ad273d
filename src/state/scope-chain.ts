/** The scopes that a read falls through: from the inner one out. */
import { StatemeshError } from '../base/error.ts'
import type { Scope } from '../model/scope.ts'

/**
 * A scope, which stands for itself and all that contain it; or the scopes themselves, inner first,
 * where they do not contain one another: `[conversation, room('r1'), agent('a1'), globalScope]`
 * for an agent in a room that it shares with others.
 */
export type ScopeChain = Scope | readonly Scope[]

/** @throws SCOPE_INVALID for an empty chain, or a scope that is there twice */
export function scopesOf(chain: ScopeChain): readonly Scope[] {
  if (!isList(chain)) return withParents(chain)
  if (chain.length === 0)
    throw new StatemeshError('SCOPE_INVALID', 'a chain has at least one scope')
  if (new Set(chain.map(String)).size < chain.length) {
    throw new StatemeshError('SCOPE_INVALID', 'a scope stands in a chain once')
  }
  return chain
}

function withParents(inner: Scope): Scope[] {
  const scopes: Scope[] = []
  for (let scope: Scope | undefined = inner; scope !== undefined; scope = scope.parent) {
    scopes.push(scope)
  }
  return scopes
}

function isList(chain: ScopeChain): chain is readonly Scope[] {
  return Array.isArray(chain)
}
