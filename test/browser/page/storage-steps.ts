/** The storage port, call by call; bytes travel as base64. */
import { fromBase64, toBase64 } from 'lib0/buffer'
import { openLevelStorage, type Storage } from '../../../src/index.ts'

let storage: Storage | undefined

function opened(): Storage {
  if (storage === undefined) throw new Error('no storage is open')
  return storage
}

/** What is stored of a document, for the way to the test. */
export interface SentDocument {
  readonly updates: readonly (readonly [clock: number, update: string])[]
  readonly damaged: number
}

export const storageSteps = {
  async openStorage(location: string): Promise<void> {
    storage = await openLevelStorage({ location })
  },
  async load(document: string): Promise<SentDocument> {
    const { updates, damaged } = await opened().load(document)
    const sent = updates.map(({ clock, update }) => [clock, toBase64(update)] as const)
    return { updates: sent, damaged: damaged.length }
  },
  append(document: string, update: string): Promise<number> {
    return opened().append(document, fromBase64(update))
  },
  replace(document: string, through: number, update: string): Promise<void> {
    return opened().replace(document, through, fromBase64(update))
  },
  remove(document: string): Promise<void> {
    return opened().remove(document)
  },
  documents(): Promise<readonly string[]> {
    return opened().documents()
  },
  async records(prefix: string): Promise<[key: string, value: string][]> {
    const records = await opened().records(prefix)
    return [...records].map(([key, value]) => [key, toBase64(value)])
  },
  writeRecord(key: string, value: string | null): Promise<void> {
    return opened().writeRecord(key, value === null ? undefined : fromBase64(value))
  },
  closeStorage(): Promise<void> {
    return opened().close()
  },
}
