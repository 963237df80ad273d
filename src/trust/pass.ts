/**
 * What one connection may do, for as long as its token is good; everything, where access is off.
 * It asks for a fresh token in time, and says when the present one has ended.
 */
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { CancelTimer, TimeSource } from '../base/time.ts'
import type { DocumentName } from '../model/document-name.ts'
import type { Access } from './access.ts'
import type { Right } from './grants.ts'
import type { AccessToken } from './token.ts'

export interface PassOptions {
  access: Access | undefined
  /** None where access is off. */
  token: AccessToken | undefined
  time: TimeSource
  /** How long before its end a fresh token is asked for, in milliseconds. */
  renewMilliseconds: number
  /** A fresh token would be welcome. */
  onExpiring: () => void
  /** The connection must end: TOKEN_EXPIRED, TOKEN_INVALID, ACCESS_DENIED, LINK_FAILED. */
  onEnded: (error: StatemeshError) => void
}

export class Pass {
  readonly #options: PassOptions
  #token: AccessToken | undefined
  #cancelTimer: CancelTimer | undefined
  /** The token that is being checked, and the one that came meanwhile. */
  #checking = false
  #next: { readonly text: string; readonly onRenewed: () => void } | undefined

  constructor(options: PassOptions) {
    this.#options = options
    this.#token = options.token
    this.#askLater()
  }

  /** Who the token was given to; undefined where access is off. */
  get subject(): string | undefined {
    return this.#token?.subject
  }

  /** What it allows with a document; undefined if nothing. */
  right(document: DocumentName): Right | undefined {
    return this.#options.access === undefined ? 'admin' : this.#token?.grants.right(document)
  }

  /** Whether there may be a document that both tokens allow something with. */
  meets(other: Pass): boolean {
    const [one, two] = [this.#token, other.#token]
    return one !== undefined && two !== undefined && one.grants.meet(two.grants)
  }

  /** Takes a fresh token in place of the present one, and calls `onRenewed` when it is good. */
  renew(text: string, onRenewed: () => void): void {
    // One check at a time, of the newest: no peer makes us do more.
    this.#next = { text, onRenewed }
    if (!this.#checking) void this.#renewAll()
  }

  /** Looks whether the token was revoked. */
  recheck(): void {
    const { access, onEnded } = this.#options
    if (access === undefined || this.#token === undefined) return
    try {
      access.checkRevoked(this.#token)
    } catch (thrown) {
      onEnded(toStatemeshError(thrown, 'ACCESS_DENIED'))
    }
  }

  /** The connection is gone. */
  stop(): void {
    this.#cancelTimer?.()
    this.#token = undefined
    this.#next = undefined
  }

  async #renewAll(): Promise<void> {
    this.#checking = true
    for (let next = this.#next; next !== undefined; next = this.#next) {
      this.#next = undefined
      await this.#renew(next.text, next.onRenewed)
    }
    this.#checking = false
  }

  async #renew(text: string, onRenewed: () => void): Promise<void> {
    const { access, onEnded } = this.#options
    if (access === undefined) return
    try {
      const token = await access.admit(text)
      if (this.#token === undefined) return // the connection ended meanwhile
      if (token.subject !== this.#token.subject) {
        throw new StatemeshError('ACCESS_DENIED', 'a fresh token must be of the same subject')
      }
      access.checkRevoked(token) // it may have been revoked since it was checked
      this.#token = token
      this.#cancelTimer?.()
      this.#askLater()
      onRenewed()
    } catch (thrown) {
      onEnded(toStatemeshError(thrown, 'TOKEN_INVALID'))
    }
  }

  #askLater(): void {
    const { time, renewMilliseconds, onExpiring } = this.#options
    if (this.#token === undefined) return
    const left = this.#token.expires - time.now()
    // Not at once where tokens are short-lived.
    this.#at(time.now() + Math.max(left / 2, left - renewMilliseconds), () => {
      onExpiring()
      if (this.#token !== undefined) this.#at(this.#token.expires, () => this.#expire())
    })
  }

  #expire(): void {
    this.#options.onEnded(new StatemeshError('TOKEN_EXPIRED', 'the token has expired'))
  }

  /** Calls back when the wall clock has come to a moment; it may jump, so it is looked at again. */
  #at(moment: number, callback: () => void): void {
    const { time } = this.#options
    const left = moment - time.now()
    if (left <= 0) return callback()
    this.#cancelTimer = time.after(Math.ceil(left), () => this.#at(moment, callback))
  }
}
