/** What a link and those who say who is here know of each other. */
import type { StatemeshError } from '../base/error.ts'
import type { DocumentName } from '../model/document-name.ts'

/** A link, as it carries who is here. */
export interface PresenceLink {
  readonly isRelay: boolean
  /** Who the other end's token was given to, where one was asked for. */
  readonly subject: string | undefined
  /** Whether the other end exchanges a document and wants to hear who is here. */
  listens(document: DocumentName): boolean
  /** Sends an awareness update, if the other end exchanges the document and reads fast enough. */
  tell(document: DocumentName, update: Uint8Array): void
  /** What the other end sent was refused. */
  offended(error: StatemeshError): void
}

export interface PresenceExchange {
  linked(link: PresenceLink): void
  unlinked(link: PresenceLink): void
  /** Both ends exchange a document from now on. */
  opened(link: PresenceLink, document: DocumentName): void
  /** @throws FRAME_INVALID, FRAME_TOO_LARGE for an awareness update that is malformed or too long */
  heard(link: PresenceLink, document: DocumentName, update: Uint8Array): void
}
