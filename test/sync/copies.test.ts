import { beforeEach, describe, expect, test } from 'vitest'
import { documentName } from '../../src/model/document-name.ts'
import { room } from '../../src/model/scope.ts'
import { Copies } from '../../src/sync/copies.ts'

const name = documentName(room('r1'), 'notes')

describe('the copies of a document', () => {
  let copies: Copies
  beforeEach(() => {
    copies = new Copies()
    copies.learn('ann', 'g1')
    copies.found('ann', 'ws://a')
    copies.acked(name, 'ann', 3)
  })

  test('count by store, up to a version', () => {
    copies.acked(name, 'ann', 2)
    copies.acked(name, 'bob', 2)
    expect([copies.count(name, 2), copies.count(name, 3), copies.count(name, 4)]).toEqual([2, 1, 0])
  })

  test('are there still when their store comes back as it was', () => {
    copies.learn('ann', 'g1')
    copies.found('ann', 'ws://b')
    expect(copies.count(name, 3)).toBe(1)
  })

  test('are gone when their store may have lost them', () => {
    copies.learn('ann', 'g2')
    expect(copies.count(name, 1)).toBe(0)
  })

  test('are gone when another store is where theirs was', () => {
    copies.found('bob', 'ws://a')
    expect(copies.count(name, 1)).toBe(0)
  })

  test('are gone, and their stores forgotten, when thousands of others have come since', () => {
    for (let n = 0; n < 5_000; n++) {
      copies.learn(`stranger ${n}`, 'g')
      copies.found(`stranger ${n}`, `ws://${n}`)
    }
    expect(copies.count(name, 1)).toBe(0)
    copies.acked(name, 'ann', 3) // it is linked, and acks again
    expect(copies.count(name, 3)).toBe(1)
  })
})
