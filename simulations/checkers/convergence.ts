/**
 * Replicas converge: when the network is whole and nobody writes, all of them and the relay's disk, where
 * there is a relay, come to hold the same bytes, and workloads read the same everywhere.
 */
import * as Y from 'yjs'
import { equalBytes } from '../../src/base/bytes.ts'
import type { RelayNode } from '../nodes/relay-node.ts'
import type { ReplicaNode } from '../nodes/replica-node.ts'
import type { StockNode } from '../nodes/stock-node.ts'
import { copyClocks, lacks, liveClocks } from '../oracle/document-clocks.ts'

/** Why the replicas have not converged yet; undefined when they have. */
export function whyNotConverged(
  replicas: readonly ReplicaNode[],
  relay: RelayNode | undefined,
  stocks: readonly StockNode[] = [],
): string | undefined {
  const down = replicas.find(({ isUp }) => !isUp)
  if (down !== undefined) return `${down.name} is not up`
  const owing = replicas.find(({ replica }) => replica.status.unsynced > 0)
  if (owing !== undefined) {
    const { link, unsynced, error } = owing.replica.status
    return `${owing.name} owes ${unsynced} documents; its link is ${link} ${error?.message ?? ''}`
  }
  const all = [...replicas, ...stocks.map(asReplica)]
  return documentsDiffer(all, relay) ?? viewsDiffer(replicas)
}

/** Somebody who holds documents. */
type Holder = Pick<ReplicaNode, 'name' | 'docs'>

function asReplica({ name, document, doc }: StockNode): Holder {
  return { name, docs: new Map([[document, doc]]) }
}

/** Each against the disk of the relay, or else the first that has it, and so against each other. */
function documentsDiffer(
  replicas: readonly Holder[],
  relay: RelayNode | undefined,
): string | undefined {
  const names = new Set(replicas.flatMap(({ docs }) => [...docs.keys()]))
  // Clocks tell most of what is still under way, at a hundredth of the cost of bytes.
  for (const name of names) {
    const [first, ...others] = replicas.filter(({ docs }) => docs.has(name))
    const clocks = copyClocks(first?.docs.get(name) as Y.Doc)
    for (const { name: where, docs } of others) {
      const lacking = lacks(liveClocks(docs.get(name) as Y.Doc), clocks)
      if (lacking !== undefined)
        return `${name} differs between ${where} and ${first?.name}: ${lacking}`
    }
  }
  for (const name of names) {
    const first = replicas.find(({ docs }) => docs.has(name)) as Holder
    const model = relay?.stored(name) ?? (first.docs.get(name) as Y.Doc)
    const expected = Y.encodeStateAsUpdate(model)
    const differing = replicas.find(({ docs }) => {
      const doc = docs.get(name)
      return doc !== undefined && !equalBytes(Y.encodeStateAsUpdate(doc), expected)
    })
    if (differing !== undefined) {
      const doc = differing.docs.get(name) as Y.Doc
      const where = relay === undefined ? first.name : "the relay's disk"
      return `${name} differs between ${differing.name} and ${where}: ${difference(doc, model)}`
    }
  }
  return undefined
}

function viewsDiffer([first, ...others]: readonly ReplicaNode[]): string | undefined {
  for (const [index, player] of (first?.players ?? []).entries()) {
    const expected = player.view()
    for (const other of others) {
      const found = other.players[index]?.view()
      if (found !== expected) {
        return `${other.name} reads ${found}, ${first?.name} reads ${expected}`.slice(0, 2000)
      }
    }
  }
  return undefined
}

function difference(a: Y.Doc, b: Y.Doc): string {
  const writers = new Set([...a.store.clients.keys(), ...b.store.clients.keys()])
  const parts = [...writers].flatMap(writer => {
    const clocks = [Y.getState(a.store, writer), Y.getState(b.store, writer)]
    return clocks[0] === clocks[1] ? [] : `writer ${writer} at ${clocks.join(' and ')}`
  })
  return parts.length === 0 ? 'equal clocks, other content or deletions' : parts.join(', ')
}
