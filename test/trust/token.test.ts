import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { type MintOptions, mintToken, tokenVerifier } from '../../src/trust/token.ts'
import { manualTime } from '../support/manual-time.ts'

const secret = 'a secret of more than thirty-two bytes'
const grants = [{ scope: 'room:r1', partition: '*', rights: 'write' }] as const
const refused = (code: string) => expect.objectContaining({ code })
const encode = (text: string) => new TextEncoder().encode(text)

function mint(options: Partial<MintOptions> = {}): Promise<string> {
  return mintToken(secret, { subject: 'agent-7', grants, seconds: 60, ...options })
}

/** A token with any claims, signed as ours are. */
function signed(claims: Record<string, unknown>, alg = 'HS256'): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg }).sign(encode(secret))
}

const now = () => Math.floor(Date.now() / 1000)
const complete = () => ({ sub: 'a', iat: now(), exp: now() + 60, grants: [...grants] })

describe('a token of a shared secret', () => {
  it('says who it was given to, what it opens, and until when', async () => {
    const time = manualTime()
    const token = await mint({ time, id: 't1' })
    const verified = await tokenVerifier({ secret }, { time }).verify(token)
    expect(verified).toMatchObject({
      subject: 'agent-7',
      id: 't1',
      issuedAt: time.now(),
      expires: time.now() + 60_000,
    })
    expect(verified.grants.right('room:r1/users' as never)).toBe('write')
  })

  it('is refused from the second of its end on', async () => {
    const time = manualTime()
    const token = await mint({ time })
    const verifier = tokenVerifier({ secret }, { time })
    time.advance(59_999)
    await verifier.verify(token)
    time.advance(1)
    await expect(verifier.verify(token)).rejects.toThrow(refused('TOKEN_EXPIRED'))
  })

  it('is refused when it was signed otherwise, or changed', async () => {
    const verifier = tokenVerifier({ secret })
    const invalid = refused('TOKEN_INVALID')
    const token = await mint()
    const [header = '', payload = '', signature = ''] = token.split('.')
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    const other = await mintToken(`${secret}!`, { subject: 'a', grants, seconds: 60 })
    const longer = Buffer.from('{"sub":"root"}').toString('base64url')
    for (const bad of [
      other,
      `${none}.${payload}.`,
      `${none}.${payload}.${signature}`,
      `${header}.${longer}.${signature}`,
      `${header}.${payload}`,
      '',
      'x',
      '..',
      `${token}.`,
      token.repeat(50),
    ]) {
      await expect(verifier.verify(bad)).rejects.toThrow(invalid)
    }
  })

  it.each([
    ['no subject', { sub: undefined }],
    ['a subject that is no actor', { sub: 'a\u0000b' }],
    ['no end', { exp: undefined }],
    ['no beginning', { iat: undefined }],
    ['no grants', { grants: undefined }],
    ['grants that are none', { grants: 'all' }],
    ['a grant without rights', { grants: [{ scope: '*', partition: '*' }] }],
    ['a grant of another right', { grants: [{ scope: '*', partition: '*', rights: 'own' }] }],
    ['a scope pattern that is none', { grants: [{ scope: 'x', partition: '*', rights: 'read' }] }],
    ['an id that is no text', { jti: 7 }],
    ['an id with half a character', { jti: '\ud800' }],
    ['a beginning in the future', { nbf: now() + 1000 }],
  ])('is refused with %s', async (_, change) => {
    const token = await signed({ ...complete(), ...change })
    await expect(tokenVerifier({ secret }).verify(token)).rejects.toThrow(refused('TOKEN_INVALID'))
  })

  it('is held to the issuer and the audience', async () => {
    const verifier = tokenVerifier({ secret }, { issuer: 'us', audience: 'relay' })
    await verifier.verify(await mint({ issuer: 'us', audience: 'relay' }))
    for (const options of [{}, { issuer: 'us' }, { issuer: 'them', audience: 'relay' }]) {
      await expect(verifier.verify(await mint(options))).rejects.toThrow(refused('TOKEN_INVALID'))
    }
  })

  it('needs a secret that cannot be guessed', async () => {
    expect(() => tokenVerifier({ secret: 'short' })).toThrow(refused('OPTION_INVALID'))
    await expect(mintToken('short', { subject: 'a', grants, seconds: 1 })).rejects.toThrow(
      refused('OPTION_INVALID'),
    )
  })
})

describe('a token of a key pair', () => {
  it('is checked with the public key, and no other way', async () => {
    const pair = await generateKeyPair('ES256')
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256' }
    const verifier = tokenVerifier({ keys: { keys: [jwk] } })
    const sign = (claims: Record<string, unknown>) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).sign(pair.privateKey)
    expect((await verifier.verify(await sign(complete()))).subject).toBe('a')
    const invalid = refused('TOKEN_INVALID')
    await expect(verifier.verify(await mint())).rejects.toThrow(invalid)
    const confused = await new SignJWT(complete())
      .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
      .sign(encode(JSON.stringify(jwk)))
    await expect(verifier.verify(confused)).rejects.toThrow(invalid)
    const stranger = await generateKeyPair('ES256')
    const foreign = await new SignJWT(complete())
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .sign(stranger.privateKey)
    await expect(verifier.verify(foreign)).rejects.toThrow(invalid)
  })

  it.each(['http://keys.example/jwks', 'ftp://keys.example/jwks', 'jwks.json'])(
    'does not read its keys from %s',
    url => {
      const refused = expect.objectContaining({ code: 'OPTION_INVALID' })
      expect(() => tokenVerifier({ url })).toThrow(refused)
    },
  )

  it('is not judged while the keys cannot be had', async () => {
    const pair = await generateKeyPair('ES256')
    const token = await new SignJWT(complete())
      .setProtectedHeader({ alg: 'ES256' })
      .sign(pair.privateKey)
    // Nobody listens on this port.
    const verifier = tokenVerifier({ url: 'http://127.0.0.1:1/keys' })
    await expect(verifier.verify(token)).rejects.toMatchObject({
      code: 'LINK_FAILED',
      retryable: true,
    })
  })
})
