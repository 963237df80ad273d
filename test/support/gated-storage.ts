/** A storage whose writes a test can hold back or refuse. */
import { StatemeshError } from '../../src/base/error.ts'
import type { Storage } from '../../src/storage/storage.ts'

export interface GatedStorage extends Storage {
  /** Writes wait from now on, as if the disk were slow. */
  hold(): void
  /** Lets the waiting writes, and all later ones, through. */
  release(): void
  /** Writes are refused from now on, as if the disk were full. */
  refuse(): void
  /** Writes succeed again. */
  accept(): void
}

export function gatedStorage(storage: Storage): GatedStorage {
  let gate: { opened: Promise<void>; open(): void } | undefined
  let refusing = false

  const pass = async <Result>(write: () => Promise<Result>): Promise<Result> => {
    await gate?.opened
    if (refusing) throw new StatemeshError('STORAGE_UNAVAILABLE', 'the disk is full')
    return write()
  }

  return {
    load: document => storage.load(document),
    append: (document, update) => pass(() => storage.append(document, update)),
    replace: (document, through, update) => pass(() => storage.replace(document, through, update)),
    remove: document => pass(() => storage.remove(document)),
    documents: () => storage.documents(),
    records: prefix => storage.records(prefix),
    writeRecord: (key, value) => pass(() => storage.writeRecord(key, value)),
    close: () => storage.close(),
    hold() {
      let open = () => {}
      const opened = new Promise<void>(resolve => {
        open = resolve
      })
      gate = { opened, open }
    },
    release() {
      gate?.open()
      gate = undefined
    },
    refuse() {
      refusing = true
    },
    accept() {
      refusing = false
    },
  }
}
