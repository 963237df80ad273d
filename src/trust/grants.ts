/**
 * Which documents a token opens, and for what. A grant names documents by two patterns. The scope is:
 *
 * - `agent:a1`: that scope and every scope within it; `global` is every scope.
 * - `agent:*`, `agent:*` + `/room:r1`: a star for an id stands for any one id.
 * - `=agent:a1`: that scope alone, and none within it.
 * - `stock`: names that a stock client chose, those that are not ours.
 * - `*`: every document, ours or not; its partition is `*` too.
 *
 * The partition is a name, the beginning of one followed by `*`, or `*`; under `stock` it is compared
 * with the whole name. What no grant covers does not exist, as far as the token goes.
 */
import { StatemeshError } from '../base/error.ts'
import { type DocumentName, splitDocumentName } from '../model/document-name.ts'
import { checkId } from '../model/id.ts'
import { type ScopeLevel, scopeLevels } from '../model/scope.ts'

/** Each includes those before it; `admin` is for the relay's own pages, on top of writing. */
export const rights = ['read', 'write', 'admin'] as const
export type Right = (typeof rights)[number]

export interface Grant {
  readonly scope: string
  readonly partition: string
  readonly rights: Right
}

/** A token with more says who somebody is not, rather than who they are. */
export const grantsMax = 256

/** Far longer than any name. */
const patternLengthMax = 4096

type ScopePattern =
  | { readonly kind: 'any' }
  | { readonly kind: 'stock' }
  /** The levels from the outside; an id left out stands for any. None: `global`. */
  | { readonly kind: 'scope'; readonly exact: boolean; readonly parts: readonly ScopePart[] }

interface ScopePart {
  readonly level: ScopeLevel
  /** As it stands in a scope's text. */
  readonly id: string | undefined
}

interface Rule {
  readonly scope: ScopePattern
  readonly partition: string
  readonly right: Right
}

export class Grants {
  /** As they were given. */
  readonly list: readonly Grant[]
  readonly #rules: readonly Rule[]

  /** @throws OPTION_INVALID for a pattern that is none, or for too many */
  constructor(grants: readonly Grant[]) {
    if (grants.length > grantsMax) throw invalid(`more than ${grantsMax} grants`)
    this.list = grants
    this.#rules = grants.map(parseGrant)
  }

  /** The most that any grant allows with a document; undefined if none covers it. */
  right(document: DocumentName): Right | undefined {
    const split = splitDocumentName(document)
    const scope = split?.scope.toString()
    let most = -1
    for (const rule of this.#rules) {
      const covers =
        rule.scope.kind === 'any' ||
        (split === undefined || scope === undefined
          ? rule.scope.kind === 'stock' && matchesName(rule.partition, document)
          : matchesScope(rule.scope, scope) && matchesName(rule.partition, split.partition))
      if (covers) most = Math.max(most, rights.indexOf(rule.right))
    }
    return rights[most]
  }

  /** Whether there may be a document that both cover. */
  meet(other: Grants): boolean {
    return this.#rules.some(one => other.#rules.some(two => rulesMeet(one, two)))
  }

  /** Whether the relay's own pages are open: `admin` on everything. */
  get admin(): boolean {
    return this.#rules.some(({ scope, right }) => scope.kind === 'any' && right === 'admin')
  }
}

/** Whether a right includes another. */
export function includesRight(held: Right | undefined, asked: Right): boolean {
  return held !== undefined && rights.indexOf(held) >= rights.indexOf(asked)
}

function parseGrant({ scope, partition, rights: right }: Grant): Rule {
  if (!rights.includes(right)) throw invalid('rights are read, write or admin')
  if (typeof partition !== 'string' || partition === '' || partition.length > patternLengthMax) {
    throw invalid('a partition pattern is a name, or the beginning of one and *')
  }
  const parsed = parseScopePattern(scope)
  if (parsed.kind === 'any' && partition !== '*') {
    throw invalid('a grant for the scope * is for the partition * too')
  }
  return { scope: parsed, partition, right }
}

function parseScopePattern(text: string): ScopePattern {
  if (typeof text !== 'string' || text.length > patternLengthMax) throw invalid('no scope pattern')
  if (text === '*') return { kind: 'any' }
  if (text === 'stock') return { kind: 'stock' }
  const exact = text.startsWith('=')
  const path = exact ? text.slice(1) : text
  const parts = path === 'global' ? [] : path.split('/').map(part => parsePart(part, text))
  const order = parts.map(({ level }) => scopeLevels.indexOf(level))
  if (order.some((level, index) => index > 0 && level <= (order[index - 1] as number))) {
    throw invalid(`the levels of the scope pattern ${JSON.stringify(text)} are out of order`)
  }
  return { kind: 'scope', exact, parts }
}

function parsePart(part: string, text: string): ScopePart {
  const colon = part.indexOf(':')
  const level = scopeLevels.find(name => name === part.slice(0, colon))
  const raw = part.slice(colon + 1)
  if (colon < 0 || level === undefined) {
    throw invalid(`${JSON.stringify(text.slice(0, 100))} is not a scope pattern`)
  }
  if (raw === '*') return { level, id: undefined }
  try {
    const id = encodeURIComponent(checkId(decodeURIComponent(raw), `a ${level} id`))
    // A star that belongs to an id is written as %2A here, though a scope's text leaves it as it is.
    if (id.replaceAll('*', '%2A') === raw) return { level, id }
  } catch (cause) {
    throw invalid(`an id of the scope pattern ${JSON.stringify(text.slice(0, 100))}`, cause)
  }
  throw invalid(`the scope pattern ${JSON.stringify(text.slice(0, 100))} is not in canonical form`)
}

function matchesScope(pattern: ScopePattern, scope: string): boolean {
  if (pattern.kind !== 'scope') return pattern.kind === 'any'
  // Ids are percent-encoded, so neither a slash nor a colon in the text belongs to one.
  const parts = scope === 'global' ? [] : scope.split('/')
  if (pattern.exact ? parts.length !== pattern.parts.length : parts.length < pattern.parts.length) {
    return false
  }
  return pattern.parts.every(({ level, id }, index) => {
    const part = parts[index] as string
    return id === undefined ? part.startsWith(`${level}:`) : part === `${level}:${id}`
  })
}

function rulesMeet(one: Rule, two: Rule): boolean {
  if (one.scope.kind === 'any' || two.scope.kind === 'any') return true
  return scopesMeet(one.scope, two.scope) && namesMeet(one.partition, two.partition)
}

function scopesMeet(one: ScopePattern, two: ScopePattern): boolean {
  if (one.kind !== 'scope' || two.kind !== 'scope') return one.kind === two.kind
  const [short, long] = one.parts.length <= two.parts.length ? [one, two] : [two, one]
  if (short.exact && long.parts.length > short.parts.length) return false
  return short.parts.every(({ level, id }, index) => {
    const other = long.parts[index] as ScopePart
    const isSame = id === undefined || other.id === undefined || id === other.id
    return level === other.level && isSame
  })
}

function namesMeet(one: string, two: string): boolean {
  // The beginning that one stands for may be that of the other, too.
  if (one.endsWith('*') && two.endsWith('*')) {
    return matchesName(one, two.slice(0, -1)) || matchesName(two, one.slice(0, -1))
  }
  return one.endsWith('*') ? matchesName(one, two) : matchesName(two, one)
}

function matchesName(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}

function invalid(why: string, cause?: unknown): StatemeshError {
  return new StatemeshError('OPTION_INVALID', why, cause === undefined ? {} : { cause })
}
