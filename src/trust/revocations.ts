/**
 * Tokens that are no longer good although they have not expired. They are stored, so that a restart
 * does not bring them back to life.
 */
import { StatemeshError } from '../base/error.ts'
import { checkId, parseActorId } from '../model/id.ts'
import type { Storage } from '../storage/storage.ts'
import type { AccessToken } from './token.ts'

/** All tokens that a subject has been given so far, or one token by its id (the claim `jti`). */
export type Revocation = { readonly subject: string } | { readonly tokenId: string }

const prefix = 'revoked/'

export class Revocations {
  readonly #storage: Storage
  /** Until when tokens were issued that are void; for a token's id it is all of them. */
  readonly #until: Map<string, number>

  constructor(storage: Storage, until: Map<string, number>) {
    this.#storage = storage
    this.#until = until
  }

  /**
   * Notes a revocation: at once for this process, and durably when it resolves.
   *
   * @throws ID_INVALID, STORAGE_UNAVAILABLE, CLOSED
   */
  async add(revocation: Revocation, now: number): Promise<void> {
    const key =
      'subject' in revocation
        ? subjectKey(parseActorId(revocation.subject))
        : idKey(checkId(revocation.tokenId, 'a token id'))
    const until = 'subject' in revocation ? now : Number.MAX_SAFE_INTEGER
    this.#until.set(key, until)
    await this.#storage.writeRecord(prefix + key, new TextEncoder().encode(String(until)))
  }

  /**
   * Refuses a token that was revoked. Tokens count in seconds, so one that was given to a subject
   * within the second of its revocation is void as well.
   *
   * @throws ACCESS_DENIED
   */
  check({ subject, id, issuedAt }: AccessToken): void {
    const revoked =
      issuedAt <= (this.#until.get(subjectKey(subject)) ?? -1) ||
      (id !== undefined && this.#until.has(idKey(id)))
    if (revoked) throw new StatemeshError('ACCESS_DENIED', 'the token was revoked')
  }
}

/** @throws STORAGE_UNAVAILABLE, CLOSED */
export async function openRevocations(storage: Storage): Promise<Revocations> {
  const until = new Map<string, number>()
  for (const [key, value] of await storage.records(prefix)) {
    until.set(key.slice(prefix.length), Number(new TextDecoder().decode(value)))
  }
  return new Revocations(storage, until)
}

// Percent-encoded, so that no subject can be another's key or harm a storage's.
const subjectKey = (subject: string): string => `subject/${encodeURIComponent(subject)}`
const idKey = (id: string): string => `token/${encodeURIComponent(id)}`
