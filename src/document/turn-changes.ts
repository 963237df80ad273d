/**
 * What our own transactions of one turn bring to a document, encoded as one update when the turn is
 * over. To encode each by itself would cost as much as to make it, and what a later one overwrites
 * would be stored and sent all the same.
 *
 * T1. An update holds whole transactions. What a transaction that is under way has written so far is
 *     not in it.
 * T2. It says what `Y.encodeStateAsUpdate` would say of the same structs, so whoever has what was
 *     there before can integrate all of it.
 * T3. Transactions are never taken apart again: what a later one has overwritten is gone from the
 *     earlier ones, and a reader of those alone would see a part of the later one.
 */
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'

type DeleteSet = Y.Transaction['deleteSet']
type Struct = Y.Item | Y.GC

/** A damaged entry of a log costs all that is in it, and a relay refuses what is too long. */
const updateBytesMax = 64 * 1024

/** About what a struct or a deletion takes beside its content. */
const structBytes = 16

/** `empty`: it brings nothing. `own`: it was made here, by the client of the document. */
export function kindOfTransaction(transaction: Y.Transaction): 'empty' | 'own' | 'foreign' {
  const { beforeState, afterState, deleteSet, local, doc } = transaction
  let isEmpty = deleteSet.clients.size === 0
  let isOwn = local
  for (const [client, clock] of afterState) {
    if (beforeState.get(client) === clock) continue
    isEmpty = false
    if (client !== doc.clientID) isOwn = false
  }
  if (isEmpty) return 'empty'
  return isOwn ? 'own' : 'foreign'
}

export class TurnChanges {
  readonly #doc: Y.Doc
  #client = 0
  /** The clocks that were added, from one and before another. */
  #from = 0
  #end = 0
  /** What each transaction deletes. */
  #deletes: DeleteSet[] = []
  #bytes = 0

  constructor(doc: Y.Doc) {
    this.#doc = doc
  }

  get isEmpty(): boolean {
    return this.#deletes.length === 0
  }

  /** Whether what was added is to be taken before more is added. */
  get isFull(): boolean {
    return this.#bytes >= updateBytesMax
  }

  /** Whether a transaction can be added: what is there is of the same client. */
  accepts({ doc }: Y.Transaction): boolean {
    return this.isEmpty || this.#client === doc.clientID
  }

  /** Adds a transaction of our own that has ended. */
  add({ doc: { clientID }, beforeState, afterState, deleteSet }: Y.Transaction): void {
    const before = beforeState.get(clientID) ?? 0
    if (this.isEmpty) {
      // Yjs may have joined the last struct of the update before to one of this transaction.
      this.#from = this.#client === clientID ? Math.max(before, this.#end) : before
      this.#client = clientID
    }
    this.#end = Math.max(this.#from, afterState.get(clientID) ?? 0)
    this.#deletes.push(deleteSet)
    for (const ranges of deleteSet.clients.values()) this.#bytes += ranges.length * structBytes
    this.#bytes += bytesFrom(this.#structs, before)
  }

  /** The update that says what was added, which is forgotten; undefined where that is nothing. */
  take(): Uint8Array | undefined {
    const { clients } = joined(this.#deletes)
    this.#deletes = []
    this.#bytes = 0
    const hasStructs = this.#end > this.#from
    if (!hasStructs && clients.size === 0) return undefined
    const encoder = new Y.UpdateEncoderV1()
    encoding.writeVarUint(encoder.restEncoder, hasStructs ? 1 : 0)
    if (hasStructs) this.#end = writeStructs(encoder, this.#structs, this.#from, this.#end)
    this.#from = this.#end
    writeDeletes(encoder.restEncoder, clients)
    return encoder.toUint8Array()
  }

  get #structs(): Struct[] {
    return this.#doc.store.clients.get(this.#client) ?? []
  }
}

/** About the bytes of the structs of a client from a clock on. */
function bytesFrom(structs: readonly Struct[], clock: number): number {
  let bytes = 0
  for (let index = structs.length - 1; index >= 0; index--) {
    const struct = structs[index] as Struct
    if (struct.id.clock + struct.length <= clock) break
    bytes += structBytes
    if (struct instanceof Y.Item)
      bytes += contentBytes(struct, Math.max(0, clock - struct.id.clock))
  }
  return bytes
}

function contentBytes({ content, parentSub }: Y.Item, offset: number): number {
  const key = parentSub?.length ?? 0
  if (content instanceof Y.ContentString) return key + content.str.length - offset
  if (content instanceof Y.ContentDeleted) return key
  let bytes = key
  const values = content.getContent()
  for (let index = offset; index < values.length; index++) bytes += valueBytes(values[index])
  return bytes
}

/** About what a value takes, by the fields that lib0 writes. */
function valueBytes(value: unknown): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 4
  if (value instanceof Uint8Array) return value.length
  if (value instanceof Y.AbstractType || value instanceof Y.Doc) return 4
  let bytes = 0
  for (const key in value) bytes += key.length + valueBytes((value as Record<string, unknown>)[key])
  return bytes
}

/** Writes the structs from a clock up to another, or so far beyond as the last of them reaches. */
function writeStructs(
  encoder: Y.UpdateEncoderV1,
  structs: Struct[],
  from: number,
  to: number,
): number {
  const first = Y.findIndexSS(structs, from)
  const last = Y.findIndexSS(structs, to - 1)
  encoding.writeVarUint(encoder.restEncoder, last - first + 1)
  encoder.writeClient((structs[first] as Struct).id.client)
  encoding.writeVarUint(encoder.restEncoder, from)
  for (let index = first; index <= last; index++) {
    const struct = structs[index] as Struct
    struct.write(encoder, index === first ? from - struct.id.clock : 0)
  }
  const { id, length } = structs[last] as Struct
  return id.clock + length
}

function joined(deletes: DeleteSet[]): DeleteSet {
  return deletes.length === 1 ? (deletes[0] as DeleteSet) : Y.mergeDeleteSets(deletes)
}

function writeDeletes(update: encoding.Encoder, clients: DeleteSet['clients']): void {
  encoding.writeVarUint(update, clients.size)
  for (const [client, ranges] of [...clients].sort(([a], [b]) => b - a)) {
    encoding.writeVarUint(update, client)
    encoding.writeVarUint(update, ranges.length)
    for (const { clock, len } of ranges) {
      encoding.writeVarUint(update, clock)
      encoding.writeVarUint(update, len)
    }
  }
}
