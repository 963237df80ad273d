/**
 * A persistent hash trie (Bagwell 2001, "Ideal Hash Trees"): a change copies the few nodes on the
 * way to its entry and shares the rest. Where an entry stands depends on its key alone, so two
 * tries are compared slot by slot, and what they share is skipped.
 */

export interface TrieEntry<Value> {
  readonly hash: number
  readonly key: string
  readonly value: Value
}

/** Entries whose hashes are the same to the last bit. */
interface Collision<Value> {
  readonly same: readonly TrieEntry<Value>[]
}

/** Up to 32 children; `bits` says which, and `slots` holds only those. */
export interface Branch<Value> {
  readonly bits: number
  readonly slots: readonly TrieNode<Value>[]
}

export type TrieNode<Value> = TrieEntry<Value> | Branch<Value> | Collision<Value>

/** Called with an entry as it was and as it is; undefined for where it is not. */
export type TrieChange<Value> = (
  before: TrieEntry<Value> | undefined,
  after: TrieEntry<Value> | undefined,
) => void

const bitsPerLevel = 5
const hashBits = 32

export const emptyTrie: Branch<never> = { bits: 0, slots: [] }

/** FNV-1a over UTF-16 code units. */
export function hashKey(key: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  }
  // The low bits choose first, and are the ones that FNV mixes least.
  return (hash ^ (hash >>> 15)) >>> 0
}

export function findEntry<Value>(
  root: Branch<Value>,
  hash: number,
  key: string,
): TrieEntry<Value> | undefined {
  let node: TrieNode<Value> | undefined = root
  for (let shift = 0; node !== undefined; shift += bitsPerLevel) {
    if ('key' in node) return node.key === key ? node : undefined
    if ('same' in node) return node.same.find(entry => entry.key === key)
    node = childAt(node, bitOf(hash, shift))
  }
  return undefined
}

/** With the entry in the place of one with its key. */
export function putEntry<Value>(
  node: Branch<Value>,
  entry: TrieEntry<Value>,
  shift = 0,
): Branch<Value> {
  const bit = bitOf(entry.hash, shift)
  const child = childAt(node, bit)
  return withChild(
    node,
    bit,
    child === undefined ? entry : join(child, entry, shift + bitsPerLevel),
  )
}

function join<Value>(
  node: TrieNode<Value>,
  entry: TrieEntry<Value>,
  shift: number,
): TrieNode<Value> {
  if ('bits' in node) return putEntry(node, entry, shift)
  if ('key' in node && node.key === entry.key) return entry
  const entries = 'same' in node ? node.same : [node]
  if (shift >= hashBits) return { same: [...entries.filter(({ key }) => key !== entry.key), entry] }
  return putEntry(
    { bits: bitOf((entries[0] as TrieEntry<Value>).hash, shift), slots: [node] },
    entry,
    shift,
  )
}

/** Without the entry of a key; the same node if there is none. */
export function dropEntry<Value>(
  node: Branch<Value>,
  hash: number,
  key: string,
  shift = 0,
): Branch<Value> {
  const bit = bitOf(hash, shift)
  const child = childAt(node, bit)
  if (child === undefined) return node
  const left = leave(child, hash, key, shift + bitsPerLevel)
  return left === child ? node : withChild(node, bit, left)
}

/** A branch with one entry left becomes that entry, so that the shape depends on the keys alone. */
function leave<Value>(
  node: TrieNode<Value>,
  hash: number,
  key: string,
  shift: number,
): TrieNode<Value> | undefined {
  if ('key' in node) return node.key === key ? undefined : node
  if ('same' in node) {
    const same = node.same.filter(entry => entry.key !== key)
    if (same.length === node.same.length) return node
    return same.length === 1 ? same[0] : { same }
  }
  const branch = dropEntry(node, hash, key, shift)
  const [only] = branch.slots
  return branch.slots.length === 1 && only !== undefined && !('bits' in only) ? only : branch
}

export function* trieEntries<Value>(node: TrieNode<Value>): IterableIterator<TrieEntry<Value>> {
  if ('key' in node) yield node
  else for (const child of 'same' in node ? node.same : node.slots) yield* trieEntries(child)
}

/** Calls `changed` for every entry that is not the same in both; costs as much as they differ. */
export function compareTries<Value>(
  before: TrieNode<Value> | undefined,
  after: TrieNode<Value> | undefined,
  changed: TrieChange<Value>,
): void {
  if (before === after) return
  if (before !== undefined && after !== undefined && 'bits' in before && 'bits' in after) {
    for (let bits = before.bits | after.bits; bits !== 0; bits &= bits - 1) {
      const bit = bits & -bits
      compareTries(childAt(before, bit), childAt(after, bit), changed)
    }
    return
  }
  const left = new Map<string, TrieEntry<Value>>()
  if (before !== undefined) for (const entry of trieEntries(before)) left.set(entry.key, entry)
  if (after !== undefined) {
    for (const entry of trieEntries(after)) {
      const was = left.get(entry.key)
      left.delete(entry.key)
      if (was === undefined || !Object.is(was.value, entry.value)) changed(was, entry)
    }
  }
  for (const entry of left.values()) changed(entry, undefined)
}

function bitOf(hash: number, shift: number): number {
  return 1 << ((hash >>> shift) & 31)
}

function childAt<Value>({ bits, slots }: Branch<Value>, bit: number): TrieNode<Value> | undefined {
  return (bits & bit) === 0 ? undefined : slots[slotOf(bits, bit)]
}

/** How many children stand before the one of a bit. */
function slotOf(bits: number, bit: number): number {
  let below = bits & (bit - 1)
  below -= (below >>> 1) & 0x55555555
  below = (below & 0x33333333) + ((below >>> 2) & 0x33333333)
  return Math.imul((below + (below >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

function withChild<Value>(
  { bits, slots }: Branch<Value>,
  bit: number,
  child: TrieNode<Value> | undefined,
): Branch<Value> {
  const slot = slotOf(bits, bit)
  const copy = [...slots]
  if (child === undefined) copy.splice(slot, 1)
  else if ((bits & bit) === 0) copy.splice(slot, 0, child)
  else copy[slot] = child
  return { bits: child === undefined ? bits & ~bit : bits | bit, slots: copy }
}
