/**
 * A digest of what a document holds, the same however its updates were grouped, merged and freed of
 * what was deleted: for every client, what each of its clocks stands for; PROTOCOL.md, *Peers*,
 * has it to the byte.
 */
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import { hexDigest } from '../view-digest.ts'

/** SHA-256 of the content of a document, in hexadecimal digits. Linear in its size. */
export function documentDigest(doc: Y.Doc): string {
  const encoder = encoding.createEncoder()
  const clients = [...doc.store.clients].sort(([a], [b]) => a - b)
  for (const [client, structs] of clients) {
    encoding.writeVarUint(encoder, client)
    writeStructs(encoder, structs)
  }
  return hexDigest(encoding.toUint8Array(encoder))
}

/** SHA-256 of the state vector: what of each client is in the document. */
export function stateDigest(doc: Y.Doc): string {
  return hexDigest(Y.encodeStateVector(doc))
}

function writeStructs(encoder: encoding.Encoder, structs: readonly (Y.Item | Y.GC)[]): void {
  // What was deleted may be kept as it is, emptied, or merged with what is beside it.
  let deleted = 0
  const flush = () => {
    if (deleted > 0) encoding.writeAny(encoder, { deleted })
    deleted = 0
  }
  for (const struct of structs) {
    if (!(struct instanceof Y.Item) || struct.deleted) {
      deleted += struct.length
      continue
    }
    flush()
    for (const element of elementsOf(struct)) {
      encoding.writeAny(encoder, [struct.parentSub ?? null, element] as never)
    }
  }
  flush()
}

function elementsOf({ content }: Y.Item): unknown[] {
  if (content instanceof Y.ContentFormat) return [{ format: [content.key, content.value] }]
  if (content instanceof Y.ContentType) return [{ type: typeBytes(content) }]
  if (content instanceof Y.ContentDoc) return [{ doc: content.doc.guid }]
  return content.getContent()
}

/** As in an update: the names of classes are others in a bundle that is minified. */
function typeBytes(content: Y.ContentType): Uint8Array {
  const encoder = new Y.UpdateEncoderV1()
  content.write(encoder, 0)
  return encoder.toUint8Array()
}
