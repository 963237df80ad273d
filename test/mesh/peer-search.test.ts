/** Whom a replica dials that has links enough. */
import { describe, expect, it } from 'vitest'
import { AddressBook } from '../../src/mesh/address-book.ts'
import { Membership } from '../../src/mesh/membership.ts'
import { PeerSearch } from '../../src/mesh/peer-search.ts'
import { manualTime } from '../support/manual-time.ts'

/** A replica that has links enough, and its dials, by address. Its dice never say that it is time to mix. */
function searching() {
  const time = manualTime()
  const random = { uint32: () => 2 ** 31 }
  const dialled: string[] = []
  const transport = {
    dial: async (address: string) => {
      dialled.push(address)
      throw new Error('nobody listens')
    },
  }
  const members = new Membership(time, random)
  const addresses = new AddressBook({
    ...{ time, random, store: 'own', isLinked: () => false },
    onLink: () => undefined,
    onState: () => undefined,
  })
  const search = new PeerSearch({
    ...{ time, random, transport, addresses, members, linksMin: 1 },
    links: () => 1,
    isAlone: () => false,
    isOn: () => true,
  })
  return { time, members, search, dialled }
}

describe('a replica that has links enough', () => {
  it('looks for a peer of whom nobody tells anything new, and leaves the others alone', async () => {
    const { time, members, search, dialled } = searching()
    members.hear({ store: 'gone', address: 'memory:gone', age: 0 }, 'peer')
    for (let tick = 0; tick < 12; tick++) {
      members.hear({ store: 'near', address: 'memory:near', age: 5 }, 'peer')
      search.fill()
      if (tick === 5) expect(dialled).toEqual([])
      await time.advanceAsync(10_000)
    }
    expect(dialled).toContain('memory:gone')
    expect(dialled).not.toContain('memory:near')
  })

  it('gives it up after ten minutes', async () => {
    const { time, members, search, dialled } = searching()
    members.hear({ store: 'gone', address: 'memory:gone', age: 601 }, 'peer')
    for (let tick = 0; tick < 12; tick++) {
      search.fill()
      await time.advanceAsync(10_000)
    }
    expect(dialled).toEqual([])
  })
})
