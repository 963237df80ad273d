import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  agent,
  conversation,
  globalScope,
  message,
  parseScope,
  room,
  scopeLevels,
} from '../../src/model/scope.ts'
import { anyScope } from './arbitrary-scope.ts'
import { hostileIds, oddIds } from './hostile-ids.ts'

const idInvalid = expect.objectContaining({ code: 'ID_INVALID' })
const scopeInvalid = expect.objectContaining({ code: 'SCOPE_INVALID' })

describe('a scope', () => {
  it('is written as a path of its levels', () => {
    expect(`${globalScope}`).toBe('global')
    expect(`${agent('a1')}`).toBe('agent:a1')
    expect(`${agent('a1').room('r1').conversation('c').message('m')}`).toBe(
      'agent:a1/room:r1/conversation:c/message:m',
    )
    expect(`${room('a b/ü')}`).toBe('room:a%20b%2F%C3%BC')
    expect(JSON.stringify({ scope: conversation('c') })).toBe('{"scope":"conversation:c"}')
  })

  it('knows its level and its ids', () => {
    const scope = agent('a/1').message('m')
    expect(scope.level).toBe('message')
    expect(scopeLevels.map(level => scope.id(level))).toEqual(['a/1', undefined, undefined, 'm'])
    expect(globalScope.level).toBe('global')
  })

  it('can leave levels out and cannot repeat or turn back', () => {
    expect(`${agent('a').message('m')}`).toBe('agent:a/message:m')
    expect(() => room('r').room('s')).toThrow(scopeInvalid)
    expect(() => message('m').room('r')).toThrow(scopeInvalid)
    expect(() => conversation('c').conversation('c')).toThrow(scopeInvalid)
  })

  it.each(oddIds)('keeps the id %j apart from its own syntax', id => {
    const scope = agent('a').room(id)
    expect(`${scope}`.split('/')).toHaveLength(2)
    expect(parseScope(`${scope}`).id('room')).toBe(id)
  })

  it.each(hostileIds)('is not made with an id that is %s', (_, id) => {
    for (const make of [agent, room, conversation, message, agent('a').room.bind(agent('a'))]) {
      expect(() => make(id as string)).toThrow(idInvalid)
    }
  })
})

describe('the text of a scope', () => {
  it.each([
    '',
    '/',
    'Global',
    'global/',
    'global/room:r',
    'room:r/global',
    'room',
    'room:',
    ':r',
    'Room:r',
    'rooms:r',
    '__proto__:r',
    'room:r/',
    '/room:r',
    'room:r//message:m',
    'room:r/agent:a',
    'room:r/room:s',
    'room:a b',
    'room:ü',
    'room:%61',
    'room:%c3%bc',
    'room:%C3',
    'room:%',
    'room:%00',
    'room:%ED%A0%80',
    'room:a:b',
    'room:r?x',
    ' room:r',
    `room:${'a'.repeat(257)}`,
    `${'room:r/'.repeat(10_000)}room:r`,
  ])('is refused when it is not canonical: %.40j', text => {
    expect(() => parseScope(text)).toThrow(scopeInvalid)
  })

  it('is cut in the refusal, and cannot break its line', () => {
    expect(() => parseScope('x'.repeat(10_000))).toThrow(/^.{0,250}$/)
    expect(() => parseScope('room:r\nERROR'.repeat(2))).toThrow(/^.{0,250}$/)
  })

  it('says the same scope when it is read back', () => {
    fc.assert(
      fc.property(anyScope, scope => {
        const read = parseScope(scope.toString())
        expect(read.toString()).toBe(scope.toString())
        expect(read.level).toBe(scope.level)
        for (const level of scopeLevels) expect(read.id(level)).toBe(scope.id(level))
      }),
    )
  })

  it('is canonical if it is accepted at all', () => {
    const piece = fc.constantFrom(
      'room:',
      'agent:',
      'message:',
      '/',
      'a',
      '%20',
      '%',
      ':',
      'global',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), pieces => {
        const text = pieces.join('')
        try {
          expect(parseScope(text).toString()).toBe(text)
        } catch (error) {
          expect(error).toEqual(scopeInvalid)
        }
      }),
    )
  })
})

describe('containment', () => {
  it('does not take a prefix of an id for its scope', () => {
    expect(agent('a1').contains(agent('a1'))).toBe(true)
    expect(agent('a1').contains(agent('a1').room('r'))).toBe(true)
    expect(agent('a1').contains(agent('a12'))).toBe(false)
    expect(agent('a1').contains(agent('a1/room:r'))).toBe(false)
    expect(room('r').contains(agent('a').room('r'))).toBe(false)
  })

  it('is a partial order with global at its top', () => {
    fc.assert(
      fc.property(anyScope, anyScope, anyScope, (a, b, c) => {
        expect(globalScope.contains(a)).toBe(true)
        expect(a.contains(a)).toBe(true)
        if (a.contains(b) && b.contains(a)) expect(`${a}`).toBe(`${b}`)
        if (a.contains(b) && b.contains(c)) expect(a.contains(c)).toBe(true)
      }),
    )
  })

  it('is what the parents say', () => {
    fc.assert(
      fc.property(anyScope, anyScope, (a, b) => {
        const chain: string[] = []
        for (let at = b as typeof b | undefined; at !== undefined; at = at.parent) {
          chain.push(`${at}`)
        }
        expect(chain.at(-1)).toBe('global')
        expect(chain.length).toBeLessThanOrEqual(5)
        expect(a.contains(b)).toBe(chain.includes(`${a}`))
      }),
    )
  })
})
