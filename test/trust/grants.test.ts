import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { documentName, parseDocumentName } from '../../src/model/document-name.ts'
import { Grants, grantsMax, includesRight, type Right } from '../../src/trust/grants.ts'
import { anyScope } from '../model/arbitrary-scope.ts'

const invalid = expect.objectContaining({ code: 'OPTION_INVALID' })

/** Whether a grant covers a document. */
function covers(scope: string, partition: string, document: string): boolean {
  const grants = new Grants([{ scope, partition, rights: 'read' }])
  return grants.right(parseDocumentName(document)) !== undefined
}

describe('a scope pattern', () => {
  it.each([
    ['agent:a1', 'agent:a1/users'],
    ['agent:a1', 'agent:a1/room:r1/users'],
    ['agent:a1', 'agent:a1/room:r1/message:m/users'],
    ['agent:*', 'agent:a1/users'],
    ['agent:*', 'agent:a1/room:r1/users'],
    ['agent:*/room:r1', 'agent:a2/room:r1/users'],
    ['agent:*/room:r1', 'agent:a2/room:r1/conversation:c/users'],
    ['global', 'global/users'],
    ['global', 'room:r1/users'],
    ['=global', 'global/users'],
    ['=room:r1', 'room:r1/users'],
    ['room:a%20b', 'room:a%20b/users'],
    ['agent:%2A', 'agent:*/users'],
    ['*', 'room:r1/users'],
    ['*', 'my-doc'],
  ])('%s covers %s', (scope, document) => {
    expect(covers(scope, '*', document)).toBe(true)
  })

  it.each([
    ['agent:a1', 'agent:a10/users'],
    ['agent:a1', 'agent:a/users'],
    ['agent:a1', 'global/users'],
    ['agent:a1', 'agent:A1/users'],
    // A stock name, since a slash in an id would be encoded with the colon: not ours.
    ['agent:a1', 'agent:a1%2Froom:r1/users'],
    ['agent:a1', 'agent:a1/room:r1/../agent:a1x/users'.replace('/../', '/x/')],
    ['agent:a1', 'agent:a1'],
    ['agent:a1', 'agent%3Aa1/users'],
    ['agent:a1', 'agent:%61%31/users'],
    ['agent:a1', 'x/agent:a1/users'],
    ['agent:a1', 'agent:a1/users/extra'],
    ['room:r1', 'agent:a1/room:r1/users'],
    ['agent:*/room:r1', 'agent:a1/users'],
    ['agent:*/room:r1', 'agent:a1/room:r2/users'],
    ['agent:*/room:r1', 'room:r1/users'],
    ['agent:*', 'room:r1/users'],
    ['agent:*', 'agent:/users'],
    ['agent:%2A', 'agent:a1/users'],
    ['=global', 'room:r1/users'],
    ['=room:r1', 'room:r1/message:m/users'],
    ['=agent:*', 'agent:a/room:r/users'],
    ['global', 'my-doc'],
    ['global', 'users'],
    ['global', 'global'],
    ['global', 'global/1-is-no-partition'],
  ])('%s does not cover %s', (scope, document) => {
    expect(covers(scope, '*', document)).toBe(false)
  })

  it('covers what its scope contains, and nothing else', () => {
    fc.assert(
      fc.property(anyScope, anyScope, (granted, asked) => {
        // A star that belongs to an id is encoded in a pattern.
        const pattern = granted.toString().replaceAll('*', '%2A')
        const covered = covers(pattern, '*', documentName(asked, 'users'))
        expect(covered).toBe(granted.contains(asked))
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    '',
    'agent:',
    'agent',
    'agents:a',
    'agent:a1/',
    '/agent:a1',
    'room:r1/agent:a1',
    'agent:a1/agent:a2',
    'agent:a b',
    'agent:%61',
    'agent:a*',
    'agent:%',
    'agent:a%2fb',
    'global/agent:a1',
    '==global',
    '**',
    `agent:${'x'.repeat(300)}`,
  ])('%j is none', scope => {
    expect(() => covers(scope, '*', 'my-doc')).toThrow(invalid)
  })
})

describe('a partition pattern', () => {
  it.each([
    ['users', 'room:r1/users', true],
    ['users', 'room:r1/users2', false],
    ['user*', 'room:r1/users2', true],
    ['user*', 'room:r1/tokens', false],
    ['*', 'room:r1/tokens', true],
    ['Users', 'room:r1/users', false],
  ])('%s with %s: %s', (partition, document, expected) => {
    expect(covers('room:r1', partition, document)).toBe(expected)
  })

  it('of the scope * is *', () => {
    expect(() => covers('*', 'users', 'my-doc')).toThrow(invalid)
  })
})

describe('stock names', () => {
  it.each([
    ['my-doc', 'my-doc', true],
    ['my-doc', 'my-doc2', false],
    ['notes/*', 'notes/a/b', true],
    ['notes/*', 'notes', false],
    ['*', 'anything at all', true],
    // A name of ours is not a stock name, whatever the pattern says.
    ['*', 'room:r1/users', false],
    ['room:r1/*', 'room:r1/users', false],
    ['room:*', 'room:r1', true],
  ])('%s with %s: %s', (partition, document, expected) => {
    expect(covers('stock', partition, document)).toBe(expected)
  })
})

describe('several grants', () => {
  it('allow the most that any of them does', () => {
    const grants = new Grants([
      { scope: 'global', partition: '*', rights: 'read' },
      { scope: 'agent:a1', partition: '*', rights: 'write' },
      { scope: 'agent:a1', partition: 'config', rights: 'read' },
    ])
    const right = (name: string) => grants.right(parseDocumentName(name))
    expect(right('agent:a1/users')).toBe('write')
    expect(right('agent:a1/config')).toBe('write')
    expect(right('agent:a2/users')).toBe('read')
    expect(right('my-doc')).toBe(undefined)
    expect(grants.admin).toBe(false)
  })

  it('are bounded', () => {
    const grant = { scope: 'global', partition: '*', rights: 'read' } as const
    expect(() => new Grants(Array(grantsMax + 1).fill(grant))).toThrow(invalid)
  })

  it('that name an unknown right are refused', () => {
    const grant = { scope: 'global', partition: '*', rights: 'own' as Right }
    expect(() => new Grants([grant])).toThrow(invalid)
  })
})

describe('a right', () => {
  it('includes the smaller ones', () => {
    expect(includesRight('admin', 'write')).toBe(true)
    expect(includesRight('write', 'read')).toBe(true)
    expect(includesRight('read', 'write')).toBe(false)
    expect(includesRight(undefined, 'read')).toBe(false)
  })
})

describe('grants', () => {
  const grants = (scope: string, partition = '*') =>
    new Grants([{ scope, partition, rights: 'read' }])

  it.each([
    ['agent:a1', 'agent:a1/room:r1', true],
    ['agent:*', 'agent:a1/room:r1', true],
    ['agent:*/room:r1', 'agent:a1/room:*', true],
    ['global', 'room:r1', true],
    ['*', 'stock', true],
    ['stock', 'stock', true],
    ['=agent:a1', 'agent:a1', true],
    ['=agent:a1', 'agent:a1/room:r1', false],
    ['=global', 'room:r1', false],
    ['agent:a1', 'agent:a2', false],
    ['agent:a1', 'room:a1', false],
    ['agent:a1/room:r1', 'agent:a1/room:r2', false],
    ['stock', 'global', false],
  ])('for %s and for %s may meet in a document: %s', (one, other, meet) => {
    expect(grants(one).meet(grants(other))).toBe(meet)
    expect(grants(other).meet(grants(one))).toBe(meet)
  })

  it.each([
    ['users', 'users', true],
    ['users', 'us*', true],
    ['u*', 'us*', true],
    ['users', 'tokens', false],
    ['u*', 't*', false],
  ])('for the partitions %s and %s may meet: %s', (one, other, meet) => {
    expect(grants('room:r1', one).meet(grants('room:r1', other))).toBe(meet)
    expect(grants('room:r1', other).meet(grants('room:r1', one))).toBe(meet)
  })

  it('meet wherever there is a document that both cover', () => {
    const pattern = fc.constantFrom('global', '=global', 'agent:*', 'agent:a', '=agent:a', 'room:*')
    fc.assert(
      fc.property(pattern, pattern, anyScope, (one, other, scope) => {
        const document = documentName(scope, 'users')
        const covered = [one, other].every(each => grants(each).right(document) !== undefined)
        expect(!covered || grants(one).meet(grants(other))).toBe(true)
      }),
    )
  })
})
