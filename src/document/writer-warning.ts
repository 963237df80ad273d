/** What whoever opens a document hears before a relay refuses it as a writer too many. */
import * as Y from 'yjs'
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import { checkWriter } from '../model/writer-limit.ts'
import type { ReplicaDocument } from './replica-document.ts'

export function writerWarning({ name, doc }: ReplicaDocument): StatemeshError | undefined {
  const known = {
    get: (client: number) => Y.getState(doc.store, client),
    size: doc.store.clients.size,
  }
  try {
    checkWriter(doc.clientID, known)
    return undefined
  } catch (thrown) {
    const { code, message } = toStatemeshError(thrown, 'WRITERS_EXCEEDED')
    return new StatemeshError(code, `${name}: ${message}`)
  }
}
