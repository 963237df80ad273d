/**
 * The stored forms of the parts of a module's state, each the value of one register:
 *
 * - `{v}`: a value that is kept whole;
 * - `{n}`: that there is a collection, whose entries are registers of their own. It is written when
 *   the collection appears and not touched again, so that it alone says whether it exists;
 * - `{d: 1}`: that something of the initial state is gone;
 * - `{p}` at a path with `#`: where an item was moved to.
 *
 * The first two carry `p`, the first place, in a list, and `k`, the key, in a Map whose key is no
 * text.
 */
import { StatemeshError } from '../base/error.ts'
import { isPosition, type Position } from './position.ts'

/** An object, a Map, a Set, a list of items with ids, and a table. */
export const collectionKinds = ['o', 'm', 's', 'l', 't'] as const
export type CollectionKind = (typeof collectionKinds)[number]

export interface Placing {
  readonly p?: Position
  readonly k?: unknown
}

export interface WholePart extends Placing {
  readonly v: unknown
}

export interface CollectionPart extends Placing {
  readonly n: CollectionKind
}

export type Part = WholePart | CollectionPart

export const gone: { readonly d: 1 } = Object.freeze({ d: 1 })

/**
 * Reads a part back; `undefined` for one that is gone.
 *
 * @throws ENTRY_INVALID
 */
export function readPart(stored: unknown): Part | undefined {
  if (!isRecord(stored)) throw invalid()
  if (stored.d === 1) return undefined
  if (stored.p !== undefined && !isPosition(stored.p)) throw invalid()
  if (Object.hasOwn(stored, 'v') && stored.v !== undefined) return stored as unknown as WholePart
  if (!collectionKinds.includes(stored.n as CollectionKind)) throw invalid()
  return stored as unknown as CollectionPart
}

/** @throws ENTRY_INVALID */
export function readPlace(stored: unknown): Position {
  if (!isRecord(stored) || !isPosition(stored.p)) throw invalid()
  return stored.p
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(): StatemeshError {
  return new StatemeshError('ENTRY_INVALID', 'not a part of a state')
}
