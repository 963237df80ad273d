import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { openIncarnation } from '../../src/storage/incarnation.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'

describe('the incarnation of a store', () => {
  it('goes on after a clean end, and is another one after an unclean one', async () => {
    const storage = createMemoryStorage()
    const random = seededRandom(1)
    const first = await openIncarnation(storage, random)
    await first.end()
    const second = await openIncarnation(storage, random)
    expect(second.generation).toBe(first.generation)
    expect(second.clientID).toBe(first.clientID)
    const third = await openIncarnation(storage, random)
    expect(third.generation).not.toBe(second.generation)
    expect(third.clientID).not.toBe(second.clientID)
  })

  it('remembers the clientIDs of unclean ends, also over clean ones', async () => {
    const storage = createMemoryStorage()
    const random = seededRandom(2)
    const first = await openIncarnation(storage, random)
    const second = await openIncarnation(storage, random)
    await second.end()
    const third = await openIncarnation(storage, random)
    const fourth = await openIncarnation(storage, random)
    expect(third.formerClientIDs).toEqual([first.clientID])
    expect(fourth.formerClientIDs).toEqual([first.clientID, third.clientID])
  })

  it('does not count a clientID that was given up as one that may be taken over', async () => {
    const storage = createMemoryStorage()
    const random = seededRandom(3)
    const first = await openIncarnation(storage, random)
    const given = first.clientID
    first.renew()
    await first.begin()
    const second = await openIncarnation(storage, random)
    expect(second.formerClientIDs).toEqual([first.clientID])
    expect(second.formerClientIDs).not.toContain(given)
  })

  it('counts a record that cannot be read as an unclean end', async () => {
    const storage = createMemoryStorage()
    const first = await openIncarnation(storage, seededRandom(4))
    await first.end()
    await storage.writeRecord('incarnation', Uint8Array.of(1, 2, 3))
    const second = await openIncarnation(storage, seededRandom(5))
    expect(second.generation).not.toBe(first.generation)
    expect(second.formerClientIDs).toEqual([])
  })
})
