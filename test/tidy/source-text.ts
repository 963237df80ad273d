/**
 * Reads TypeScript as text: what is code and what is comment, string or pattern, and which modules
 * it imports. TypeScript 7 has no programming interface that could be asked.
 */

const codeToken =
  /(?<comment>\/\/[^\n]*|\/\*[\s\S]*?\*\/)|(?<string>'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*")|(?<space>\s+)|(?<word>[\w$]+)|[\s\S]/y
const patternToken = /\/(?![*/])(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y
const templateToken = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{|$)/y

// A slash after one of these begins a pattern; after anything else it divides.
const beforePattern =
  /^(?:[(,=:[!&|?{};+\-*%~^<>]|return|typeof|case|in|of|delete|void|throw|await|yield|else|do|)$/

/**
 * The text with what is inside comments, strings, templates and patterns turned into spaces. Quotes
 * and line breaks stay, so positions and lines are those of the text; code in `${}` stays code.
 */
export function codeOnly(text: string): string {
  const parts: string[] = []
  // For each template that is open around the current position: the braces open in its `${}`.
  const openBraces: number[] = []
  let position = 0
  let previous = ''

  const take = (token: RegExp): RegExpExecArray | null => {
    token.lastIndex = position
    const match = token.exec(text)
    if (match !== null) position += match[0].length
    return match
  }
  const takeTemplate = (): void => {
    const chunk = take(templateToken)?.[0] ?? ''
    const entersCode = chunk.endsWith('${')
    if (entersCode) openBraces.push(0)
    const end = entersCode ? '${' : chunk.endsWith('`') ? '`' : ''
    parts.push(blank(chunk.slice(0, chunk.length - end.length)), end)
    previous = entersCode ? '{' : '`'
  }

  while (position < text.length) {
    if (text[position] === '/' && beforePattern.test(previous)) {
      const pattern = take(patternToken)?.[0]
      if (pattern !== undefined) {
        parts.push(blankInside(pattern))
        previous = '/'
        continue
      }
    }
    const match = take(codeToken)
    const token = match?.[0] ?? ''
    const { comment, string, space } = match?.groups ?? {}
    if (comment !== undefined) parts.push(blank(comment))
    else if (string !== undefined) parts.push(blankInside(string))
    else parts.push(token)
    if (comment !== undefined || space !== undefined) continue
    previous = token

    const depth = openBraces.at(-1)
    if (token === '`') takeTemplate()
    else if (depth === undefined) continue
    else if (token === '{') openBraces[openBraces.length - 1] = depth + 1
    else if (token === '}' && depth > 0) openBraces[openBraces.length - 1] = depth - 1
    else if (token === '}') {
      openBraces.pop()
      takeTemplate()
    }
  }
  return parts.join('')
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}

function blankInside(text: string): string {
  return `${text[0]}${blank(text.slice(1, -1))}${text.at(-1)}`
}

export interface Import {
  readonly specifier: string
  readonly line: number
}

// `from '…'`, `import '…'` and `import('…')`, but neither `Array.from('…')` nor `x.import('…')`.
const importedName = /(?<![.\w$#])(?:from|import(?:\s*\()?)\s*(['"])( *)\1/g

/** The modules that a text imports or re-exports, types too; `code` is its `codeOnly`. */
export function readImports(text: string, code: string): Import[] {
  return [...code.matchAll(importedName)].map(match => {
    const end = match.index + match[0].length - 1
    const specifier = text.slice(end - (match[2] as string).length, end)
    return { specifier, line: lineAt(text, match.index) }
  })
}

/** The number of the line, from 1, that holds a position. */
export function lineAt(text: string, position: number): number {
  return text.slice(0, position).split('\n').length
}
