/** The storage port over a simulated disk: every write waits for the fsync of its group. */
import { pooledCopy } from '../../server/pooled-copy.ts'
import { StatemeshError } from '../../src/base/error.ts'
import type { GroupCommit } from '../../src/storage/group-commit.ts'
import type { Storage, StoredDocument } from '../../src/storage/storage.ts'
import type { DiskImage, DiskWrite } from './disk-image.ts'

export interface DiskStorageOptions {
  commits: GroupCommit<DiskWrite, number>
  /** What lies on the disk at this moment. */
  image(): DiskImage
}

export class DiskStorage implements Storage {
  readonly #options: DiskStorageOptions
  #closing: Promise<void> | undefined

  constructor(options: DiskStorageOptions) {
    this.#options = options
  }

  async load(document: string): Promise<StoredDocument> {
    this.#assertOpen()
    const image = this.#options.image()
    const stored = image.load(document)
    if (stored.damaged.length > 0) image.setAside(document)
    return stored
  }

  async append(document: string, update: Uint8Array): Promise<number> {
    const copy = pooledCopy(update, update.length)
    const { length: bytes } = copy
    return this.#write({ kind: 'append', document, update: copy, bytes, alone: false })
  }

  async replace(document: string, through: number, update: Uint8Array): Promise<void> {
    const copy = pooledCopy(update, update.length)
    const { length: bytes } = copy
    await this.#write({ kind: 'replace', document, through, update: copy, bytes, alone: false })
  }

  async remove(document: string): Promise<void> {
    await this.#write({ kind: 'remove', document, bytes: 0, alone: false })
  }

  async documents(): Promise<readonly string[]> {
    this.#assertOpen()
    return this.#options.image().documents()
  }

  async records(prefix: string): Promise<ReadonlyMap<string, Uint8Array>> {
    this.#assertOpen()
    return this.#options.image().records(prefix)
  }

  async writeRecord(key: string, value: Uint8Array | undefined): Promise<void> {
    const copy = value && pooledCopy(value, value.length)
    const bytes = copy?.length ?? 0
    await this.#write({ kind: 'record', key, value: copy, bytes, alone: false })
  }

  close(): Promise<void> {
    this.#closing ??= this.#options.commits.idle()
    return this.#closing
  }

  #write(write: DiskWrite): Promise<number> {
    this.#assertOpen()
    return this.#options.commits.write(write)
  }

  #assertOpen(): void {
    if (this.#closing) throw new StatemeshError('CLOSED', 'the storage is closed')
  }
}
