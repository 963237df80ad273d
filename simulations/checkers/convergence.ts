/**
 * Replicas converge: when the network is whole and nobody writes, all of them and the relay's disk
 * come to hold the same bytes, and workloads read the same everywhere.
 */
import * as Y from 'yjs'
import { equalBytes } from '../../src/base/bytes.ts'
import type { RelayNode } from '../nodes/relay-node.ts'
import type { ReplicaNode } from '../nodes/replica-node.ts'
import { loggedDocument } from '../oracle/document-clocks.ts'

/** Why the replicas have not converged yet; undefined when they have. */
export function whyNotConverged(
  replicas: readonly ReplicaNode[],
  relay: RelayNode,
): string | undefined {
  const down = replicas.find(({ isUp }) => !isUp)
  if (down !== undefined) return `${down.name} is not up`
  const owing = replicas.find(({ replica }) => replica.status.unsynced > 0)
  if (owing !== undefined) {
    const { link, unsynced, error } = owing.replica.status
    return `${owing.name} owes ${unsynced} documents; its link is ${link} ${error?.message ?? ''}`
  }
  const [first, ...others] = replicas
  for (const [name, doc] of first?.docs ?? []) {
    const expected = Y.encodeStateAsUpdate(doc)
    for (const other of others) {
      const found = other.docs.get(name)
      if (found === undefined) return `${other.name} has not opened ${name}`
      if (!equalBytes(expected, Y.encodeStateAsUpdate(found))) {
        return `${name} differs between ${first?.name} and ${other.name}: ${difference(doc, found)}`
      }
    }
    const why = storedDiffers(relay, name, doc)
    if (why !== undefined) return why
  }
  return viewsDiffer(replicas)
}

function storedDiffers(relay: RelayNode, name: string, doc: Y.Doc): string | undefined {
  const stored = loggedDocument(relay.disk.log(name).map(({ update }) => update))
  const equal = equalBytes(Y.encodeStateAsUpdate(doc), Y.encodeStateAsUpdate(stored))
  const why = equal ? undefined : `${name} differs on the relay's disk: ${difference(doc, stored)}`
  stored.destroy()
  return why
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
