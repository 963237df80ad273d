/** A storage that outlives its user: for crashes, and for the next one on the same disk. */
import type { Storage } from '../../src/storage/storage.ts'

/** The storage, which is not closed by whoever uses it. */
export function unclosedStorage(storage: Storage): Storage {
  return {
    load: document => storage.load(document),
    append: (document, update) => storage.append(document, update),
    replace: (document, through, update) => storage.replace(document, through, update),
    remove: document => storage.remove(document),
    documents: () => storage.documents(),
    records: prefix => storage.records(prefix),
    writeRecord: (key, value) => storage.writeRecord(key, value),
    close: async () => {},
  }
}
