/** The reader of sources, which the other rules trust. */
import { describe, expect, test } from 'vitest'
import { sourceFile } from './source-file.ts'
import { codeOnly } from './source-text.ts'

function specifiers(text: string): string[] {
  return sourceFile('src/a.ts', text).imports.map(({ specifier }) => specifier)
}

describe('reading code', () => {
  test.each([
    ['a line comment', 'a // hidden\nb', 'a          \nb'],
    ['a block comment', 'a /* hidden\n */ b', 'a          \n    b'],
    ['strings', `f('hidden', "hidden")`, `f('      ', "      ")`],
    ['an escaped quote', `f('hid\\'den')`, `f('        ')`],
    ['a comment in a string', `f('// x') + y`, `f('    ') + y`],
    ['a quote in a comment', "a // don't\nb('x')", "a         \nb(' ')"],
    ['a pattern with quotes', `/['"]\\//.test(x)`, '/      /.test(x)'],
    ['a pattern with flags after return', 'return /a/u', 'return /  u'],
    ['divisions', `a / b / 'c'`, `a / b / ' '`],
    ['a division after brackets', `f(a) / 2 + x[0] / 2 + '//'`, `f(a) / 2 + x[0] / 2 + '  '`],
  ])('leaves out what is in %s', (_, text, code) => {
    expect(codeOnly(text)).toBe(code)
  })

  test('sees code inside templates, and nothing else of them', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the template is what is read
    const text = '`hidden ${call({ a: `deep ${inner()} hidden` })} // hidden` + after()'
    const code = codeOnly(text)
    expect(code).toContain('call({ a:')
    expect(code).toContain('inner()')
    expect(code).toContain('after()')
    expect(code).not.toContain('hidden')
    expect(code).not.toContain('deep')
    expect(code.length).toBe(text.length)
  })
})

describe('reading imports', () => {
  test('finds every form', () => {
    const text = `
      import a from './a.ts'
      import type { B } from "./b.ts"
      import {
        c, // with 'a comment'
        d,
      } from './c.ts'
      import './d.ts'
      export * from './e.ts'
      export type { F } from './f.ts'
      const g = await import('./g.ts')
      type H = import('./h.ts').H
    `
    expect(specifiers(text)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(x => `./${x}.ts`))
  })

  test('finds none in comments, strings and calls', () => {
    const text = `
      // import a from './a.ts'
      /* import './b.ts' */
      const text = "import c from './c.ts'"
      const letters = Array.from('abc')
      backup.import('./d.ts')
    `
    expect(specifiers(text)).toEqual([])
  })

  test('knows their lines', () => {
    expect(sourceFile('src/a.ts', "\nimport './b.ts'").imports).toEqual([
      { specifier: './b.ts', line: 2 },
    ])
  })
})
