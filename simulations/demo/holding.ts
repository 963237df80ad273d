/** What a node holds at the end, from its disk: the relay's database is read just as an agent's. */
import { createHash } from 'node:crypto'
import * as Y from 'yjs'
import { openLevelStorage, openReplica } from '../../src/index.ts'
import { openCouncil } from './council.ts'
import type { Holding } from './messages.ts'
import { openShelves, readShelves, type Shelves } from './shared-index.ts'

export interface HoldingOptions extends Shelves {
  /** The directory of a LevelDB that no process has open. */
  directory: string
  /** In whose name the replica is opened. */
  actor: string
  /** Where to catch up first; what the disk holds is enough without it. */
  relay?: string
}

/**
 * Opens a database as a replica, brings it in step with the relay if there is one, and reads all
 * of it.
 *
 * @throws as `openReplica` and `Replica.synced` do
 */
export async function readHolding(options: HoldingOptions): Promise<Holding> {
  const { directory, actor, relay } = options
  const replica = await openReplica({
    actor,
    storage: directory,
    ...(relay !== undefined && { relay }),
  })
  try {
    const shelves = await openShelves(replica, options)
    await openCouncil(replica)
    if (relay !== undefined) await replica.synced()
    const shared = readShelves(shelves)
    await replica.close()
    return { ...shared, digests: await digestDocuments(directory) }
  } finally {
    await replica.close()
  }
}

/** Converged replicas encode a document to the same bytes, so a digest of them compares content. */
async function digestDocuments(directory: string): Promise<Holding['digests']> {
  const storage = await openLevelStorage({ location: directory })
  try {
    const digests: Record<string, string> = {}
    for (const document of await storage.documents()) {
      const { updates, damaged } = await storage.load(document)
      const doc = new Y.Doc()
      for (const { update } of updates) Y.applyUpdate(doc, update)
      const digest = createHash('sha256').update(Y.encodeStateAsUpdate(doc)).digest('hex')
      digests[document] = damaged.length === 0 ? digest : `${damaged.length} damaged records`
      doc.destroy()
    }
    return digests
  } finally {
    await storage.close()
  }
}
