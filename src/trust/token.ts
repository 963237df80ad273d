/**
 * Signed tokens (JWT): who somebody is and what they may do, until when. They are signed with a
 * shared secret (HS256), or with the private key of a key pair whose public half the relay reads as
 * a JWK set, from a file or an address.
 */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyOptions,
  errors as joseErrors,
  jwtVerify,
  SignJWT,
} from 'jose'
import { z } from 'zod'
import { StatemeshError } from '../base/error.ts'
import { systemTime, type TimeSource } from '../base/time.ts'
import { type ActorId, checkId, parseActorId } from '../model/id.ts'
import { isLoopback } from '../transport/listen-rules.ts'
import { type Grant, Grants, grantsMax, rights } from './grants.ts'

/** What a token says, once its signature has been checked. */
export interface AccessToken {
  /** Who it was given to. */
  readonly subject: ActorId
  /** Its own id, to revoke it by. */
  readonly id: string | undefined
  /** When it was given and when it ends, in milliseconds since the epoch. */
  readonly issuedAt: number
  readonly expires: number
  readonly grants: Grants
}

/** The port: checks a token, however it is made. */
export interface TokenVerifier {
  /** @throws TOKEN_INVALID, TOKEN_EXPIRED, LINK_FAILED when its keys cannot be had */
  verify(token: string): Promise<AccessToken>
}

export type TokenKeys =
  /** At least 32 bytes of UTF-8. */
  | { readonly secret: string }
  | { readonly keys: JSONWebKeySet }
  /** Of a JWK set: `https:`, or on this machine `http:`. */
  | { readonly url: string }

export interface TokenOptions {
  /** The claim `iss` that a token must have. */
  issuer?: string | undefined
  /** The claim `aud` that a token must have. */
  audience?: string | undefined
  time?: TimeSource
}

/** Beyond this a header of an upgrade is refused by HTTP servers anyway. */
export const tokenLengthMax = 8192

const secretBytesMin = 32

/** What key pairs may sign with: no shared secrets, so that a public key cannot be taken for one. */
const keyPairAlgorithms = ['EdDSA', 'Ed25519', 'ES256', 'ES384', 'PS256', 'RS256']

/** Errors of jose that say nothing about the token: the set of keys could not be had. */
const unjudged: ReadonlySet<string> = new Set(['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT'])

const claims = z.object({
  sub: z.string(),
  jti: z.string().max(256).optional(),
  iat: z.number(),
  exp: z.number(),
  grants: z
    .array(z.object({ scope: z.string(), partition: z.string(), rights: z.enum(rights) }))
    .max(grantsMax),
})

/**
 * Checks tokens of these keys.
 *
 * @throws OPTION_INVALID for a secret that is too short, or malformed keys
 */
export function tokenVerifier(keys: TokenKeys, options: TokenOptions = {}): TokenVerifier {
  const { issuer, audience, time = systemTime } = options
  const verifySignature = signatureVerifier(keys)
  return {
    async verify(token) {
      if (token.length > tokenLengthMax) throw invalid('it is too long')
      const expected = {
        ...(issuer !== undefined && { issuer }),
        ...(audience !== undefined && { audience }),
        currentDate: new Date(time.now()),
        requiredClaims: ['sub', 'iat', 'exp', 'grants'],
      }
      try {
        return readClaims(await verifySignature(token, expected))
      } catch (thrown) {
        throw refusal(thrown)
      }
    },
  }
}

function signatureVerifier(
  keys: TokenKeys,
): (token: string, options: JWTVerifyOptions) => Promise<JWTPayload> {
  if ('secret' in keys) {
    const secret = secretBytes(keys.secret)
    // Given bytes, jose imports them for each token, which takes as long as to verify it.
    let key: Promise<CryptoKey> | undefined
    return async (token, options) => {
      key ??= importSecret(secret)
      return (await jwtVerify(token, await key, { ...options, algorithms: ['HS256'] })).payload
    }
  }
  const algorithms = keyPairAlgorithms
  try {
    const set =
      'url' in keys ? createRemoteJWKSet(keySetUrl(keys.url)) : createLocalJWKSet(keys.keys)
    return async (token, options) =>
      (await jwtVerify(token, set, { ...options, algorithms })).payload
  } catch (cause) {
    if (cause instanceof StatemeshError) throw cause
    throw new StatemeshError('OPTION_INVALID', 'the keys of tokens are malformed', { cause })
  }
}

/** Whoever could change the keys on their way could make tokens of his own. */
function keySetUrl(text: string): URL {
  const url = new URL(text)
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname)))
    return url
  throw new StatemeshError('OPTION_INVALID', 'the keys of tokens are read over https')
}

function readClaims(payload: JWTPayload): AccessToken {
  const { sub, jti, iat, exp, grants } = claims.parse(payload)
  return {
    subject: parseActorId(sub),
    id: jti === undefined ? undefined : checkId(jti, 'a token id'),
    issuedAt: iat * 1000,
    expires: exp * 1000,
    grants: new Grants(grants),
  }
}

function refusal(thrown: unknown): StatemeshError {
  if (thrown instanceof joseErrors.JWTExpired) {
    return new StatemeshError('TOKEN_EXPIRED', 'the token has expired', { cause: thrown })
  }
  // Not the message of a schema's error, which may quote the token.
  if (thrown instanceof z.ZodError) return invalid('its claims are malformed', thrown)
  const ours = thrown instanceof StatemeshError
  const judged = thrown instanceof joseErrors.JOSEError && !unjudged.has(thrown.code)
  if (ours || judged) return invalid(thrown.message, thrown)
  return new StatemeshError('LINK_FAILED', 'the keys of tokens cannot be read', { cause: thrown })
}

export interface MintOptions {
  subject: string
  grants: readonly Grant[]
  /** How long it is good for. */
  seconds: number
  id?: string
  issuer?: string
  audience?: string
  time?: TimeSource
}

/**
 * Makes a token signed with a shared secret.
 *
 * @throws OPTION_INVALID for a secret that is too short, a grant that is malformed, or `seconds` that
 * are no whole number; ID_INVALID
 */
export async function mintToken(secret: string, options: MintOptions): Promise<string> {
  const { grants, seconds, id, issuer, audience, time = systemTime } = options
  const subject = parseActorId(options.subject)
  new Grants(grants) // refuses malformed ones
  if (!Number.isSafeInteger(seconds)) {
    throw new StatemeshError('OPTION_INVALID', 'a token is good for a whole number of seconds')
  }
  const issuedAt = Math.floor(time.now() / 1000)
  const jwt = new SignJWT({ grants: [...grants] })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(subject)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + seconds)
  if (id !== undefined) jwt.setJti(id)
  if (issuer !== undefined) jwt.setIssuer(issuer)
  if (audience !== undefined) jwt.setAudience(audience)
  return jwt.sign(secretBytes(secret))
}

function secretBytes(secret: string): Uint8Array {
  const bytes = new TextEncoder().encode(secret)
  if (bytes.length >= secretBytesMin) return bytes
  const why = `a secret for tokens has at least ${secretBytesMin} bytes`
  throw new StatemeshError('OPTION_INVALID', why)
}

function importSecret(secret: Uint8Array): Promise<CryptoKey> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const raw = secret as BufferSource
  return globalThis.crypto.subtle.importKey('raw', raw, algorithm, false, ['verify'])
}

function invalid(why: string, cause?: unknown): StatemeshError {
  return new StatemeshError('TOKEN_INVALID', `the token is not valid: ${why}`, { cause })
}
