import { describe, expect, it } from 'vitest'
import { checkId, parseActorId } from '../../src/model/id.ts'
import { hostileIds, oddIds } from './hostile-ids.ts'

const refused = expect.objectContaining({ code: 'ID_INVALID' })

describe('an id', () => {
  it.each(oddIds)('may be %j', id => {
    expect(checkId(id, 'an id')).toBe(id)
    expect(parseActorId(id)).toBe(id)
  })

  it.each(hostileIds)('is refused: %s', (_, id) => {
    expect(() => checkId(id, 'an id')).toThrow(refused)
    expect(() => parseActorId(id)).toThrow(refused)
  })

  it('is named in the refusal, and not repeated there', () => {
    expect(() => checkId('secret\n', 'a room id')).toThrow(/^a room id /)
    expect(() => checkId('secret\n', 'a room id')).not.toThrow(/secret/)
  })
})
