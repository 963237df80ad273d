/** The part of y-leveldb that the tests use; the package ships no types. */
declare module 'y-leveldb' {
  import type * as Y from 'yjs'

  export class LeveldbPersistence {
    constructor(location: string)
    storeUpdate(document: string, update: Uint8Array): Promise<number>
    getYDoc(document: string): Promise<Y.Doc>
    getStateVector(document: string): Promise<Uint8Array>
    getDiff(document: string, stateVector: Uint8Array): Promise<Uint8Array>
    getAllDocNames(): Promise<string[]>
    flushDocument(document: string): Promise<void>
    clearDocument(document: string): Promise<void>
    setMeta(document: string, key: string, value: unknown): Promise<void>
    destroy(): Promise<void>
  }
}
