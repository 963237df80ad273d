/**
 * Where state belongs: `global`, or a path of levels in the order agent, room, conversation,
 * message, any of them left out (`agent:a1/room:r1`). Scopes contain one another as paths do.
 */
import { StatemeshError } from '../base/error.ts'
import { checkId } from './id.ts'

export const scopeLevels = ['agent', 'room', 'conversation', 'message'] as const
export type ScopeLevel = (typeof scopeLevels)[number]

interface Segment {
  readonly level: ScopeLevel
  readonly id: string
}

/**
 * One scope. Made with `globalScope`, `agent(id)`, `room(id)`, `conversation(id)`, `message(id)`,
 * narrowed with the methods of the same names, or parsed. Two scopes are the same when their
 * texts are.
 */
export class Scope {
  readonly #segments: readonly Segment[]
  readonly #text: string

  /** Not for users: the functions of this file check what they pass. */
  constructor(segments: readonly Segment[]) {
    this.#segments = segments
    this.#text =
      segments.length === 0
        ? 'global'
        : segments.map(({ level, id }) => `${level}:${encodeURIComponent(id)}`).join('/')
  }

  /** The level of the scope itself: its last one. */
  get level(): ScopeLevel | 'global' {
    return this.#segments.at(-1)?.level ?? 'global'
  }

  /** The id at a level, where the scope has that level. */
  id(level: ScopeLevel): string | undefined {
    return this.#segments.find(segment => segment.level === level)?.id
  }

  /** The scope that directly contains this one; none for `global`. */
  get parent(): Scope | undefined {
    return this.#segments.length === 0 ? undefined : new Scope(this.#segments.slice(0, -1))
  }

  /** Whether `other` is this scope or lies within it. */
  contains(other: Scope): boolean {
    if (this.#segments.length === 0) return true
    return other.#text === this.#text || other.#text.startsWith(`${this.#text}/`)
  }

  /** @throws ID_INVALID, SCOPE_INVALID when the scope already has a level as deep */
  room(id: string): Scope {
    return this.#narrow('room', id)
  }

  /** @throws ID_INVALID, SCOPE_INVALID when the scope already has a level as deep */
  conversation(id: string): Scope {
    return this.#narrow('conversation', id)
  }

  /** @throws ID_INVALID, SCOPE_INVALID when the scope already has a level as deep */
  message(id: string): Scope {
    return this.#narrow('message', id)
  }

  /** The canonical text, ids percent-encoded: `agent:a1/room:r1`. */
  toString(): string {
    return this.#text
  }

  toJSON(): string {
    return this.#text
  }

  #narrow(level: ScopeLevel, id: string): Scope {
    const deepest = this.#segments.at(-1)
    if (deepest && scopeLevels.indexOf(deepest.level) >= scopeLevels.indexOf(level)) {
      throw new StatemeshError('SCOPE_INVALID', `${this.#text} cannot be narrowed to a ${level}`)
    }
    return new Scope([...this.#segments, { level, id: checkId(id, `a ${level} id`) }])
  }
}

/** The scope that contains all others. */
export const globalScope: Scope = new Scope([])

function outermost(level: ScopeLevel, id: string): Scope {
  return new Scope([{ level, id: checkId(id, `an id of level ${level}`) }])
}

/** @throws ID_INVALID */
export const agent = (id: string): Scope => outermost('agent', id)
/** @throws ID_INVALID */
export const room = (id: string): Scope => outermost('room', id)
/** @throws ID_INVALID */
export const conversation = (id: string): Scope => outermost('conversation', id)
/** @throws ID_INVALID */
export const message = (id: string): Scope => outermost('message', id)

/**
 * Reads a scope's canonical text. Anything that `Scope.toString` would not write (another order,
 * another percent-encoding, an empty id) is refused, so that no two texts mean one scope.
 *
 * @throws SCOPE_INVALID
 */
export function parseScope(text: string): Scope {
  if (text === 'global') return globalScope
  const segments = text.split('/').map(part => parseSegment(part, text))
  const order = segments.map(({ level }) => scopeLevels.indexOf(level))
  if (order.some((level, index) => index > 0 && level <= (order[index - 1] as number))) {
    throw invalid(text, 'its levels are out of order')
  }
  const scope = new Scope(segments)
  if (scope.toString() !== text) throw invalid(text, 'it is not in canonical form')
  return scope
}

function parseSegment(part: string, text: string): Segment {
  const colon = part.indexOf(':')
  const level = scopeLevels.find(name => name === part.slice(0, colon))
  if (colon < 0 || level === undefined) throw invalid(text, 'one of its parts is not level:id')
  try {
    return { level, id: checkId(decodeURIComponent(part.slice(colon + 1)), `a ${level} id`) }
  } catch (cause) {
    throw invalid(text, `the id of its ${level} is malformed`, cause)
  }
}

function invalid(text: string, why: string, cause?: unknown): StatemeshError {
  const shown = text.length > 100 ? `${text.slice(0, 100)}...` : text
  // Quoted as JSON, so that a hostile text cannot write lines of its own into a log.
  return new StatemeshError('SCOPE_INVALID', `${JSON.stringify(shown)} is not a scope: ${why}`, {
    cause,
  })
}
