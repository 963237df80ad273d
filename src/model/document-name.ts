/**
 * The name of a document. Ours are `<scope>/<partition>`; a relay also serves names that a stock
 * Yjs client chose, such as `my-doc`.
 */
import { StatemeshError } from '../base/error.ts'
import type { Branded } from './id.ts'
import { parsePartitionName } from './partition-definition.ts'
import { parseScope, Scope } from './scope.ts'

export type DocumentName = Branded<'DocumentName'>

/** A name is a URL path and part of a storage key; four levels of full-length ids still fit. */
export const documentNameBytesMax = 4096

const encoder = new TextEncoder()
const controlOrSurrogate = /[\p{Cc}\p{Cs}]/u

/**
 * Checks any document name: 1 to `documentNameBytesMax` UTF-8 bytes, without control characters
 * and lone surrogates, and with no empty, `.` or `..` segment, which a URL could not carry.
 *
 * @throws DOCUMENT_NAME_INVALID
 */
export function parseDocumentName(text: string): DocumentName {
  const wrong = whatIsWrongWith(text)
  if (wrong !== undefined) throw new StatemeshError('DOCUMENT_NAME_INVALID', wrong)
  return text as DocumentName
}

/** Whether `parseDocumentName` takes a text, such as a name in a database that others wrote. */
export function isDocumentName(text: string): text is DocumentName {
  return whatIsWrongWith(text) === undefined
}

function whatIsWrongWith(text: string): string | undefined {
  if (text === '') return 'a document name must not be empty'
  if (text.length > documentNameBytesMax || encoder.encode(text).length > documentNameBytesMax) {
    return `a document name has at most ${documentNameBytesMax} bytes`
  }
  if (controlOrSurrogate.test(text)) {
    return 'a document name must not hold control characters or lone surrogates'
  }
  if (text.split('/').some(part => part === '' || part === '.' || part === '..')) {
    return 'a document name must not hold empty, "." or ".." segments'
  }
  return undefined
}

/**
 * The name of the document of a scope and a partition.
 *
 * @throws SCOPE_INVALID for what is no `Scope`, such as its text, PARTITION_INVALID
 */
export function documentName(scope: Scope, partition: string): DocumentName {
  if (!(scope instanceof Scope)) {
    throw new StatemeshError('SCOPE_INVALID', 'a scope is made with room(id) and its like')
  }
  return `${scope}/${parsePartitionName(partition)}` as DocumentName
}

/**
 * The scope and partition of one of our own names; undefined for a name that a stock client
 * chose.
 */
export function splitDocumentName(
  name: DocumentName,
): { scope: Scope; partition: string } | undefined {
  const slash = name.lastIndexOf('/')
  if (slash < 0) return undefined
  try {
    return {
      scope: parseScope(name.slice(0, slash)),
      partition: parsePartitionName(name.slice(slash + 1)),
    }
  } catch (error) {
    if (error instanceof StatemeshError) return undefined
    throw error
  }
}

/** The scopes of which there is a partition among documents, each once, by their texts. */
export function scopesOf(partition: string, documents: Iterable<string>): Scope[] {
  return [...new Set(documents)].sort().flatMap(name => {
    const parts = isDocumentName(name) ? splitDocumentName(name) : undefined
    return parts?.partition === partition ? [parts.scope] : []
  })
}
