/** Takes away what was found to be due, after it was archived, if it is still due then. */
import type { CleanupArchive } from './cleanup-archive.ts'
import { type DueKey, deleteFound } from './due.ts'
import type { DueBatch } from './due-search.ts'

/** @returns how many keys, entries or tombstones are gone @throws as `CleanupArchive.write` does */
export async function takeAway(
  batch: DueBatch,
  archive: CleanupArchive | undefined,
): Promise<number> {
  if (batch.does === 'reap') return batch.handle.reap(batch.names, batch.before)
  if (batch.archive) await archive?.write(archivedOf(batch))
  if (batch.does === 'delete') return deleteFound(batch.handle, batch.keys.filter(batch.isDue))
  return batch.isDue() ? batch.handle.trim(batch.entries) : 0
}

function archivedOf(batch: Exclude<DueBatch, { does: 'reap' }>) {
  const { document, rule } = batch
  if (batch.does === 'delete') {
    return { document, rule, kind: 'keys', entries: batch.keys.map(entryOf) } as const
  }
  const entries = batch.entries.map(({ writer, seq, ...entry }) => {
    return entryOf({ ...entry, key: `${writer}:${seq}` })
  })
  return { document, rule, kind: 'log', entries } as const
}

function entryOf({ key, value, actor, timestamp }: Omit<DueKey, 'writer'>) {
  return { key, value, actor, timestamp }
}
