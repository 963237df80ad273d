/** The blobs of a replica, as its users see them. */
import { type DocumentName, documentName } from '../model/document-name.ts'
import type { Scope } from '../model/scope.ts'
import type { BlobCollection } from '../storage/blobs/blob-collector.ts'
import type { BlobRef } from '../storage/blobs/blob-ref.ts'
import type { ReplicaBlobs } from './replica-blobs.ts'

export class Blobs {
  readonly #blobs: ReplicaBlobs

  /** Not for users: a replica has its own. */
  constructor(blobs: ReplicaBlobs) {
    this.#blobs = blobs
  }

  /**
   * The blobs that belong to a partition of a scope: who may read it at the relay may read them, and
   * who may write it may put some.
   */
  of(scope: Scope, definition: { readonly name: string }): DocumentBlobs {
    return new DocumentBlobs(this.#blobs, documentName(scope, definition.name))
  }

  /**
   * Removes the blobs from this disk that no document of their scope refers to and that were not used
   * for the grace period, as happens by itself every hour.
   *
   * @throws STORAGE_UNAVAILABLE, STORAGE_CORRUPT, CLOSED
   */
  async collect(): Promise<BlobCollection> {
    return this.#blobs.collect()
  }
}

export class DocumentBlobs {
  readonly #blobs: ReplicaBlobs
  readonly #document: DocumentName

  constructor(blobs: ReplicaBlobs, document: DocumentName) {
    this.#blobs = blobs
    this.#document = document
  }

  /**
   * Stores content on this replica's disk and answers the reference to be stored in its place. The
   * relay gets it by itself; `flush` waits for that. Equal content has one reference.
   *
   * @throws BLOB_TOO_LARGE, STORAGE_UNAVAILABLE, CLOSED
   */
  put(content: Uint8Array): Promise<BlobRef> {
    return this.#blobs.put(this.#document, content)
  }

  /**
   * The content that a reference names, from this disk, the relay or a peer; it is kept on this disk
   * then. Its hash has been checked.
   *
   * @throws VALUE_INVALID for what is no reference; BLOB_MISSING where nobody who is linked has it
   * within ten seconds, at once where there is no link; STORAGE_UNAVAILABLE, CLOSED
   */
  get(ref: unknown): Promise<Uint8Array> {
    return this.#blobs.get(this.#document, ref)
  }

  /** Whether the content is on this disk. @throws VALUE_INVALID, STORAGE_UNAVAILABLE, CLOSED */
  has(ref: unknown): Promise<boolean> {
    return this.#blobs.has(this.#document, ref)
  }
}
