/**
 * The one error class of Statemesh and the list of its codes.
 *
 * A code is stable: programs switch on it, it travels over the wire in a nack, and the README
 * explains each. Messages are for people and may change.
 */

/** Every code, with whether the same call may succeed later without being changed. */
export const errorCodes = {
  // ids, scopes and definitions
  ID_INVALID: { retryable: false },
  SCOPE_INVALID: { retryable: false },
  DOCUMENT_NAME_INVALID: { retryable: false },
  PARTITION_INVALID: { retryable: false },
  OPTION_INVALID: { retryable: false },
  // values
  VALUE_INVALID: { retryable: false },
  KEY_INVALID: { retryable: false },
  // content of a document
  ENTRY_INVALID: { retryable: false },
  ENTRY_FORGED: { retryable: false },
  ROOT_UNKNOWN: { retryable: false },
  ROOT_MISMATCH: { retryable: false },
  POLICY_FAILED: { retryable: false },
  OBSERVER_FAILED: { retryable: false },
  CONFLICT_CHANGED: { retryable: false },
  LOG_GAP: { retryable: false },
  CONTENT_DIVERGED: { retryable: false },
  LOG_FORK: { retryable: false },
  WRITERS_EXCEEDED: { retryable: false },
  // history
  EVENT_UNKNOWN: { retryable: false },
  PROJECTION_FAILED: { retryable: false },
  AUDIT_MISSING: { retryable: false },
  VERSION_UNKNOWN: { retryable: false },
  HISTORY_TRIMMED: { retryable: false },
  OWNER_ONLY: { retryable: false },
  MIGRATION_FAILED: { retryable: false },
  MIGRATION_PENDING: { retryable: false },
  SCHEMA_NEWER: { retryable: false },
  // modules, transitions, handlers and plugins
  ACTION_UNKNOWN: { retryable: false },
  ACTION_FAILED: { retryable: false },
  TRANSITION_UNKNOWN: { retryable: false },
  TRANSITION_FAILED: { retryable: false },
  LIFECYCLE_ILLEGAL: { retryable: false },
  HANDLER_UNKNOWN: { retryable: false },
  HANDLER_FAILED: { retryable: false },
  HANDLER_INTERRUPTED: { retryable: false },
  REPLY_TIMEOUT: { retryable: true },
  QUOTA_EXCEEDED: { retryable: false },
  // queries
  FILTER_INVALID: { retryable: false },
  CURSOR_INVALID: { retryable: false },
  INDEX_UNKNOWN: { retryable: false },
  INDEX_FAILED: { retryable: false },
  // budgets
  BUDGET_INSUFFICIENT: { retryable: false },
  BUDGET_UNREACHABLE: { retryable: true },
  BUDGET_CAP: { retryable: false },
  BUDGET_OWNER: { retryable: false },
  // lifecycle
  CLOSED: { retryable: false },
  CLOCK_DRIFT: { retryable: false },
  // storage
  STORAGE_LOCKED: { retryable: true },
  STORAGE_CORRUPT: { retryable: false },
  STORAGE_UNAVAILABLE: { retryable: true },
  LAYER_UNAVAILABLE: { retryable: true },
  INVALIDATIONS_MISSED: { retryable: false },
  DOCUMENT_UNKNOWN: { retryable: false },
  DATA_EXISTS: { retryable: false },
  BLOB_MISSING: { retryable: true },
  BLOB_DAMAGED: { retryable: false },
  BLOB_TOO_LARGE: { retryable: false },
  // updates and frames
  UPDATE_INVALID: { retryable: false },
  UPDATE_GAP: { retryable: true },
  FRAME_INVALID: { retryable: false },
  FRAME_TOO_LARGE: { retryable: false },
  CHANNEL_UNKNOWN: { retryable: true },
  PROTOCOL_UNSUPPORTED: { retryable: false },
  // access and limits of a relay
  TOKEN_INVALID: { retryable: false },
  TOKEN_EXPIRED: { retryable: false },
  ACCESS_DENIED: { retryable: false },
  RATE_LIMITED: { retryable: true },
  LIMIT_REACHED: { retryable: true },
  DOCUMENT_TOO_LARGE: { retryable: false },
  // links and relays
  LINK_FAILED: { retryable: true },
  RELAY_NOT_CONFIGURED: { retryable: false },
  REFUSED: { retryable: false },
  FLUSH_TIMEOUT: { retryable: true },
  PORT_UNAVAILABLE: { retryable: true },
} as const

export type ErrorCode = keyof typeof errorCodes

export interface StatemeshErrorOptions {
  cause?: unknown
  /** What the other end of a link said of its refusal; the code's own nature without it. */
  retryable?: boolean
}

/** An error with a stable `code`. `cause` holds the underlying error where there is one. */
export class StatemeshError extends Error {
  override readonly name = 'StatemeshError'
  readonly code: ErrorCode

  /** Whether the same call may succeed later without being changed. */
  readonly retryable: boolean

  constructor(code: ErrorCode, message: string, options: StatemeshErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.retryable = options.retryable ?? errorCodes[code].retryable
  }

  toJSON(): { code: ErrorCode; retryable: boolean; message: string } {
    return { code: this.code, retryable: this.retryable, message: this.message }
  }
}

/** Whether a string, for instance one read from the wire, is a code that we know. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code)
}

/**
 * Any thrown value as a `StatemeshError`: one of ours as it is, anything else wrapped under
 * `code` with the original as its cause.
 */
export function toStatemeshError(thrown: unknown, code: ErrorCode): StatemeshError {
  if (thrown instanceof StatemeshError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new StatemeshError(code, message, { cause: thrown })
}
