/**
 * Keys of layers, and patterns over them: `*` stands for any text, `?` for any one character, and a
 * backslash takes the next character as it is.
 */
import { StatemeshError } from '../../base/error.ts'
import { utf8Length } from '../../model/value.ts'

/** Redis and LevelDB take longer ones, but a key is part of every record and every announcement. */
const keyBytesMax = 1024

/**
 * @throws KEY_INVALID for a key that is empty, longer than 1,024 bytes, or holds a lone surrogate
 */
export function checkLayerKey(key: string): void {
  const bytes = utf8Length(key)
  if (bytes >= 1 && bytes <= keyBytesMax) return
  throw new StatemeshError('KEY_INVALID', `a key has 1 to ${keyBytesMax} bytes of UTF-8`)
}

const special = /[\\*?]/

type Token = string | typeof anyText | typeof anyCharacter
const anyText = Symbol('*')
const anyCharacter = Symbol('?')

export class KeyPattern {
  /** As it was given; equal texts match equal keys. */
  readonly text: string
  /** What every matching key begins with. */
  readonly prefix: string
  /** Whether only `prefix` itself matches. */
  readonly exact: boolean
  readonly #tokens: readonly Token[]

  private constructor(text: string, prefix: string, tokens: readonly Token[], exact: boolean) {
    this.text = text
    this.prefix = prefix
    this.exact = exact
    this.#tokens = tokens
  }

  /** @throws KEY_INVALID for a pattern that is empty, or longer than a key may be when escaped */
  static parse(text: string): KeyPattern {
    if (text.length < 1 || text.length > keyBytesMax * 2 || utf8Length(text) < 0) {
      throw new StatemeshError('KEY_INVALID', `a pattern has 1 to ${keyBytesMax * 2} characters`)
    }
    const tokens = parse(text)
    const wild = tokens.findIndex(token => typeof token === 'symbol')
    const exact = wild === -1
    const prefix = tokens.slice(0, exact ? undefined : wild).join('')
    return new KeyPattern(text, prefix, tokens, exact)
  }

  /** The pattern that only `key` matches. */
  static of(key: string): KeyPattern {
    const text = special.test(key) ? key.replace(/[\\*?]/g, '\\$&') : key
    return new KeyPattern(text, key, [], true)
  }

  /** Takes time in proportion to both lengths at most, whatever the pattern. */
  matches(key: string): boolean {
    if (this.exact) return key === this.prefix
    if (!key.startsWith(this.prefix)) return false
    const tokens = this.#tokens
    const characters = [...key]
    let at = 0
    let token = 0
    // Where to go on when what follows the last `*` does not fit: the `*` takes one more.
    let retryToken = -1
    let retryAt = 0
    while (at < characters.length) {
      const expected = tokens[token]
      if (expected === anyText) {
        retryToken = token
        retryAt = at
        token += 1
      } else if (expected === anyCharacter || expected === characters[at]) {
        token += 1
        at += 1
      } else if (retryToken !== -1) {
        retryAt += 1
        at = retryAt
        token = retryToken + 1
      } else return false
    }
    while (tokens[token] === anyText) token += 1
    return token === tokens.length
  }
}

/** All keys. */
export const everyKey: KeyPattern = KeyPattern.parse('*')

function parse(text: string): Token[] {
  const tokens: Token[] = []
  let escaped = false
  for (const character of text) {
    if (escaped) tokens.push(character)
    else if (character === '*') tokens.push(anyText)
    else if (character === '?') tokens.push(anyCharacter)
    else if (character !== '\\') tokens.push(character)
    escaped = !escaped && character === '\\'
  }
  if (escaped) tokens.push('\\')
  return tokens
}
