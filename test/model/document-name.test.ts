import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  documentName,
  documentNameBytesMax,
  parseDocumentName,
  splitDocumentName,
} from '../../src/model/document-name.ts'
import { agent, globalScope, room } from '../../src/model/scope.ts'
import { anyScope } from './arbitrary-scope.ts'

const refused = expect.objectContaining({ code: 'DOCUMENT_NAME_INVALID' })

describe('a document name', () => {
  it('is the scope and the partition', () => {
    expect(documentName(globalScope, 'config')).toBe('global/config')
    expect(documentName(room('a b'), 'users')).toBe('room:a%20b/users')
  })

  it('is refused with a malformed partition name', () => {
    for (const partition of ['', 'a/b', '1a', 'a'.repeat(65), 'ü']) {
      expect(() => documentName(globalScope, partition)).toThrow(
        expect.objectContaining({ code: 'PARTITION_INVALID' }),
      )
    }
  })

  it('is legal and comes apart again, whatever the scope is', () => {
    fc.assert(
      fc.property(
        anyScope,
        fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/),
        (scope, partition) => {
          const name = documentName(scope, partition)
          expect(parseDocumentName(name)).toBe(name)
          const parts = splitDocumentName(name)
          expect([`${parts?.scope}`, parts?.partition]).toEqual([`${scope}`, partition])
        },
      ),
    )
  })

  it('has room for four ids of full length', () => {
    const id = 'ü'.repeat(128)
    const scope = agent(id).room(id).conversation(id).message(id)
    const name = documentName(scope, 'p'.repeat(64))
    expect(parseDocumentName(name)).toBe(name)
  })
})

describe('a name that a stock client chose', () => {
  it.each([
    'my-doc',
    'a/b/c',
    'Entwurf für Zoë',
    '.hidden',
    'a..b',
    '...',
    '%2e%2e',
    'a?b#c',
    '__proto__',
  ])('may be %j, and is none of ours', text => {
    expect(splitDocumentName(parseDocumentName(text))).toBeUndefined()
  })

  it.each([
    'global',
    'globals',
    'globalx',
    'room:r',
    'room:rx',
    'room:%61/users',
    'room:r/1users',
    'x/users',
  ])('is not mistaken for one of ours: %j', text => {
    expect(splitDocumentName(parseDocumentName(text))).toBeUndefined()
  })

  it.each([
    ['empty', ''],
    ['a slash', '/'],
    ['a slash before', '/a'],
    ['a slash after', 'a/'],
    ['an empty segment', 'a//b'],
    ['a dot', '.'],
    ['dots', 'a/../b'],
    ['a NUL', 'a\0b'],
    ['a line break', 'a\nb'],
    ['half a surrogate pair', 'a\ud83e'],
    ['too many bytes', 'a'.repeat(documentNameBytesMax + 1)],
    ['too many bytes in fewer characters', 'ü'.repeat(documentNameBytesMax / 2 + 1)],
  ])('is refused: %s', (_, text) => {
    expect(() => parseDocumentName(text)).toThrow(refused)
  })

  it('may have as many bytes as the limit says', () => {
    const text = 'ü'.repeat(documentNameBytesMax / 2)
    expect(parseDocumentName(text)).toBe(text)
  })
})
