/** Who is here, as several links tell of one member. */
import { describe, expect, it } from 'vitest'
import { PresenceBoard } from '../../src/sync/presence-board.ts'
import type { PresenceLink } from '../../src/sync/presence-exchange.ts'

const at = { now: 0, monotonic: 0 }
const said = { clientID: 1, clock: 5, state: '{"actor":"bob"}' }
const gone = { ...said, state: undefined }

function linkTo(isRelay: boolean): PresenceLink {
  const ignore = () => undefined
  return { isRelay, subject: undefined, listens: () => true, tell: ignore, offended: ignore }
}

describe('a member of whom the relay and a peer have told', () => {
  it.each(['relay', 'peer'])('stays until both take it back, the %s first', first => {
    const board = new PresenceBoard()
    const links = { relay: linkTo(true), peer: linkTo(false) }
    const [one, other] = first === 'relay' ? [links.relay, links.peer] : [links.peer, links.relay]
    expect(board.apply([said], one, at)).toEqual([said])
    expect(board.apply([said], other, at)).toEqual([])
    expect(board.apply([gone], one, at)).toEqual([])
    expect(board.members).toHaveLength(1)
    expect(board.apply([gone], other, at)).toEqual([gone])
    expect(board.members).toEqual([])
  })

  it('is gone when the last link takes it back that is up', () => {
    const board = new PresenceBoard()
    const [relay, peer] = [linkTo(true), linkTo(false)]
    board.apply([said], peer, at)
    expect(board.saidByPeers).toEqual([said])
    board.apply([said], relay, at)
    expect(board.saidByPeers).toEqual([])
    board.unlinked(peer)
    expect(board.apply([gone], linkTo(false), at)).toEqual([])
    expect(board.apply([gone], relay, at)).toEqual([gone])
  })

  it('is not told of to a relay that told of it, over a link that has ended', () => {
    const board = new PresenceBoard()
    const relay = linkTo(true)
    board.apply([said], relay, at)
    board.unlinked(relay)
    expect(board.members).toHaveLength(1)
    expect(board.saidByPeers).toEqual([])
  })
})

describe('what a member says', () => {
  it.each([10, 3_000])('cannot be changed by who looks at it, nested %i deep', depth => {
    const board = new PresenceBoard()
    const nested = '['.repeat(depth) + ']'.repeat(depth)
    const state = `{"actor":"bob","role":"critic","state":{"path":${nested}}}`
    board.apply([{ ...said, state }], linkTo(false), at)
    const [member] = board.members
    expect(member).toMatchObject({ actor: 'bob', role: 'critic' })
    const shown = member?.state as { path: unknown[] }
    expect(() => Object.assign(shown, { path: [] })).toThrow(TypeError)
    let parts = 0
    for (let part: unknown = shown.path; Array.isArray(part); part = part[0]) {
      expect(Object.isFrozen(part)).toBe(true)
      parts += 1
    }
    expect(parts).toBe(depth)
  })
})
