/**
 * Refuses regular expressions that can take a time exponential in the text. What is left can still
 * take its length to the power of the repetitions in it, of which there are few.
 */
import { StatemeshError } from '../base/error.ts'

const patternLengthMax = 256
/** Without a bound of their own; `*`, `+` and `{n,}`. */
const repetitionsMax = 3
/** A bounded repetition is written out by the engine. */
const countMax = 1000

/** Without `g` and `y`: they make an expression remember where it was. */
const flagsAllowed = /^[imsu]*$/

/**
 * A copy of a regular expression.
 *
 * @throws FILTER_INVALID when it is malformed, too long, has flags other than `imsu`, back references
 * or look-around, or repeats a group in which something repeats or branches
 */
export function safePattern(pattern: unknown, flags: unknown = ''): RegExp {
  const source = pattern instanceof RegExp ? pattern.source : pattern
  const wanted = pattern instanceof RegExp && flags === '' ? pattern.flags : flags
  if (typeof source !== 'string' || typeof wanted !== 'string') {
    throw refusal('a pattern is a text or a RegExp, and its options are a text')
  }
  if (source.length > patternLengthMax) {
    throw refusal(`a pattern has at most ${patternLengthMax} characters`)
  }
  if (!flagsAllowed.test(wanted)) throw refusal('the options of a pattern are of i, m, s and u')
  checkRepetitions(source)
  try {
    return new RegExp(source, wanted)
  } catch (cause) {
    throw new StatemeshError('FILTER_INVALID', 'a pattern is malformed', { cause })
  }
}

const token =
  /\\k<|\\[1-9]|\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]|\((?:\?<?[=!]|\?:|\?<[^>]*>|\?)?|\)|\||[*+?]|\{\d+(?:,\d*)?\}|[\s\S]/g

/** A group that is open: whether something in it repeats without a bound, or branches. */
interface Group {
  harmful: boolean
}

function checkRepetitions(source: string): void {
  const open: Group[] = [{ harmful: false }]
  let closed: Group | undefined
  let repetitions = 0
  for (const [text] of source.matchAll(token)) {
    const group = open.at(-1)
    if (group === undefined) throw refusal('a pattern has a bracket too many')
    const bounds = boundsOf(text)
    if (bounds !== undefined) {
      const repeats = bounds.most > 1
      if (repeats && closed?.harmful) throw refusal('a pattern repeats what itself repeats')
      if (repeats) group.harmful = true
      if (bounds.most === Number.POSITIVE_INFINITY) repetitions += 1
      else if (bounds.most > countMax) throw refusal(`a pattern repeats at most ${countMax} times`)
      if (repetitions > repetitionsMax) {
        throw refusal(`a pattern has at most ${repetitionsMax} repetitions without a bound`)
      }
      continue
    }
    closed = undefined
    if (text.startsWith('(')) {
      if (/[=!]$/.test(text)) throw refusal('a pattern cannot look around')
      open.push({ harmful: false })
    } else if (text === ')') {
      closed = open.pop()
      const outer = open.at(-1)
      if (outer !== undefined && closed?.harmful) outer.harmful = true
    } else if (text === '|') {
      group.harmful = true
    } else if (/^\\(?:k<|[1-9])$/.test(text)) {
      throw refusal('a pattern cannot refer back')
    }
  }
}

/** How often a quantifier repeats at most; undefined for what is none. */
function boundsOf(text: string): { most: number } | undefined {
  if (text === '*' || text === '+') return { most: Number.POSITIVE_INFINITY }
  if (text === '?') return { most: 1 }
  const counts = /^\{(\d+)(,?)(\d*)\}$/.exec(text)
  if (counts === null) return undefined
  const [, least, comma, most] = counts
  if (comma === '') return { most: Number(least) }
  return { most: most === '' ? Number.POSITIVE_INFINITY : Number(most) }
}

function refusal(why: string): StatemeshError {
  return new StatemeshError('FILTER_INVALID', why)
}
