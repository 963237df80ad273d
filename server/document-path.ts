/** The document that a stock client means by the path of its URL. */
import { StatemeshError } from '../src/base/error.ts'
import {
  type DocumentName,
  parseDocumentName,
  splitDocumentName,
} from '../src/model/document-name.ts'

/**
 * A path without its leading slash and query string: as it stands if that is one of our own names,
 * whose ids are percent-encoded already; else percent-decoded once.
 *
 * @throws DOCUMENT_NAME_INVALID
 */
export function documentOfPath(path: string): DocumentName {
  const raw = path.replace(/^\//, '').replace(/[?#].*$/s, '')
  const name = parseDocumentName(raw)
  return splitDocumentName(name) === undefined ? parseDocumentName(decode(raw)) : name
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new StatemeshError('DOCUMENT_NAME_INVALID', 'malformed percent-encoding', { cause })
  }
}
