/** The keys of tokens, as the command line is told where they are. */
import { readFile } from 'node:fs/promises'
import type { JSONWebKeySet } from 'jose'
import { StatemeshError } from '../../src/base/error.ts'
import type { TokenKeys } from '../../src/trust/token.ts'
import type { RelayConfig } from '../config.ts'

export type KeySettings = Pick<RelayConfig, 'tokenSecret' | 'tokenSecretFile' | 'tokenKeys'>

/**
 * Reads the keys; undefined where none are given.
 *
 * @throws OPTION_INVALID for two kinds of keys, or a file that cannot be read
 */
export async function readTokenKeys(settings: KeySettings): Promise<TokenKeys | undefined> {
  const { tokenSecret, tokenSecretFile, tokenKeys } = settings
  const given = [tokenSecret, tokenSecretFile, tokenKeys].filter(value => value !== undefined)
  if (given.length > 1) {
    throw new StatemeshError('OPTION_INVALID', 'give one of token secret, secret file and keys')
  }
  if (tokenSecret !== undefined) return { secret: tokenSecret }
  if (tokenSecretFile !== undefined) return { secret: (await readText(tokenSecretFile)).trim() }
  if (tokenKeys === undefined) return undefined
  if (/^https?:/.test(tokenKeys)) return { url: tokenKeys }
  return { keys: parseKeys(await readText(tokenKeys), tokenKeys) }
}

/** @throws OPTION_INVALID */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new StatemeshError('OPTION_INVALID', `${path} cannot be read`, { cause })
  }
}

function parseKeys(text: string, path: string): JSONWebKeySet {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new StatemeshError('OPTION_INVALID', `${path} is no JSON`, { cause })
  }
}
