/** `statemesh token mint` and `statemesh token verify`. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { StatemeshError, toStatemeshError } from '../../src/base/error.ts'
import type { Grant } from '../../src/trust/grants.ts'
import { mintToken, type TokenKeys, tokenVerifier } from '../../src/trust/token.ts'
import { readConfig } from '../config.ts'
import { parseGrantText } from './grant-text.ts'
import { log } from './log.ts'
import { readTokenKeys } from './token-keys.ts'

interface KeyFlags {
  tokenSecretFile?: string
  tokenKeys?: string
  tokenIssuer?: string
  tokenAudience?: string
}

interface MintFlags extends KeyFlags {
  subject: string
  grant: Grant[]
  lifetime: number
  id?: string
}

export function addTokenCommand(program: Command): void {
  const token = program
    .command('token')
    .description('tokens for a relay; their secret is STATEMESH_TOKEN_SECRET, or in a file')
  token
    .command('mint')
    .description('print a token, signed with the secret')
    .requiredOption('--subject <actor>', 'who it is for')
    .requiredOption(
      '--grant <right:scope/partition>',
      'what it allows, such as write:agent:a1/* or read:global/config; may be repeated',
      collectGrant,
    )
    .addOption(
      new Option('--lifetime <time>', 'how long it is good for: 90s, 15m, 12h, 30d')
        .argParser(parseLifetime)
        .default(3600, '1h'),
    )
    .option('--id <id>', 'its own id, to revoke it by')
    .option('--token-secret-file <file>', 'a file with the secret')
    .option('--token-issuer <issuer>', 'the claim iss')
    .option('--token-audience <audience>', 'the claim aud')
    .action((flags: MintFlags) => run(() => mint(flags)))
  token
    .command('verify')
    .description('check a token and print what it says')
    .argument('<token>')
    .option('--token-secret-file <file>', 'a file with the secret')
    .option('--token-keys <place>', 'a file or address of a JWK set')
    .option('--token-issuer <issuer>', 'the issuer that it must have')
    .option('--token-audience <audience>', 'the audience that it must have')
    .action((text: string, flags: KeyFlags) => run(() => verify(text, flags)))
}

async function mint(flags: MintFlags): Promise<string> {
  const { subject, grant: grants, lifetime: seconds, id } = flags
  const keys = await keysOf(flags)
  if (!('secret' in keys)) throw new StatemeshError('OPTION_INVALID', 'minting takes the secret')
  const { tokenIssuer: issuer, tokenAudience: audience } = flags
  return mintToken(keys.secret, {
    ...{ subject, grants, seconds },
    ...(id !== undefined && { id }),
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  })
}

async function verify(text: string, flags: KeyFlags): Promise<string> {
  const { tokenIssuer: issuer, tokenAudience: audience } = flags
  const verifier = tokenVerifier(await keysOf(flags), { issuer, audience })
  const { subject, id, issuedAt, expires, grants } = await verifier.verify(text)
  const time = (milliseconds: number) => new Date(milliseconds).toISOString()
  const { list } = grants
  return JSON.stringify(
    { subject, id, issuedAt: time(issuedAt), expires: time(expires), grants: list },
    null,
    2,
  )
}

async function keysOf(flags: KeyFlags): Promise<TokenKeys> {
  const { tokenSecretFile, tokenKeys } = flags
  const given = tokenSecretFile !== undefined || tokenKeys !== undefined
  const { tokenSecret } = readConfig({ environment: process.env })
  const keys = await readTokenKeys({
    tokenSecret: given ? undefined : tokenSecret,
    tokenSecretFile,
    tokenKeys,
  })
  if (keys !== undefined) return keys
  throw new StatemeshError('OPTION_INVALID', 'no keys: set STATEMESH_TOKEN_SECRET, or name a file')
}

async function run(act: () => Promise<string>): Promise<void> {
  try {
    process.stdout.write(`${await act()}\n`)
  } catch (thrown) {
    const { code, message } = toStatemeshError(thrown, 'OPTION_INVALID')
    log({ level: 'error', event: 'token-failed', code, message })
    process.exitCode = 1
  }
}

function collectGrant(text: string, grants: Grant[] = []): Grant[] {
  try {
    return [...grants, parseGrantText(text)]
  } catch (thrown) {
    throw new InvalidArgumentError(toStatemeshError(thrown, 'OPTION_INVALID').message)
  }
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

function parseLifetime(text: string): number {
  const [, count, unit] = /^([1-9]\d{0,5})([smhd])$/.exec(text) ?? []
  if (count === undefined || unit === undefined) {
    throw new InvalidArgumentError('a lifetime is a number from 1 on, and s, m, h or d.')
  }
  return Number(count) * (unitSeconds[unit] ?? 1)
}
