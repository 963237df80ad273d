import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import * as awarenessProtocol from 'y-protocols/awareness'
import * as Y from 'yjs'
import {
  type AwarenessEntry,
  decodeAwarenessUpdate,
  encodeAwarenessUpdate,
} from '../../src/protocol/awareness-update.ts'
import { fromHex, toHex, truncations, withinLarger } from './hex.ts'

const malformed = expect.objectContaining({ code: 'FRAME_INVALID' })
const tooLarge = expect.objectContaining({ code: 'FRAME_TOO_LARGE' })

const golden: readonly { entries: AwarenessEntry[]; hex: string }[] = [
  { entries: [], hex: '00' },
  { entries: [{ clientID: 7, clock: 1, state: '{"a":1}' }], hex: '01 07 01 07 7b2261223a317d' },
  {
    entries: [
      { clientID: 300, clock: 0, state: '{}' },
      { clientID: 1, clock: 2, state: undefined },
    ],
    hex: '02 ac02 00 02 7b7d 01 02 04 6e756c6c',
  },
]

describe.each(golden)('the golden bytes $hex', ({ entries, hex }) => {
  it('are read and written', () => {
    expect(toHex(encodeAwarenessUpdate(entries))).toBe(hex.replaceAll(' ', ''))
    expect(decodeAwarenessUpdate(fromHex(hex))).toEqual(entries)
  })

  it('are refused when they are cut anywhere, and when something follows', () => {
    for (const cut of truncations(fromHex(hex))) {
      expect(() => decodeAwarenessUpdate(withinLarger(cut))).toThrow(malformed)
    }
    expect(() => decodeAwarenessUpdate(fromHex(`${hex} 00`))).toThrow(malformed)
  })
})

describe('an awareness update', () => {
  it('comes back as it was', () => {
    const entry = fc.record({
      clientID: fc.maxSafeNat(),
      clock: fc.maxSafeNat(),
      state: fc.option(
        fc.json().filter(json => json !== 'null'),
        { nil: undefined },
      ),
    })
    fc.assert(
      fc.property(fc.array(entry), entries => {
        expect(decodeAwarenessUpdate(encodeAwarenessUpdate(entries))).toEqual(entries)
      }),
    )
  })

  it('is refused if a state is not JSON', () => {
    expect(() => decodeAwarenessUpdate(fromHex('01 07 01 01 7b'))).toThrow(malformed)
    expect(() => decodeAwarenessUpdate(fromHex('01 07 01 00'))).toThrow(malformed)
    expect(() => decodeAwarenessUpdate(fromHex('01 07 01 01 ff'))).toThrow(malformed)
  })

  it('is refused beyond its limits, before anything is made of it', () => {
    const limits = { clientsMax: 2, stateLengthMax: 4 }
    const state = '"ab"'
    const entries = [1, 2, 3].map(clientID => ({ clientID, clock: 1, state }))
    expect(decodeAwarenessUpdate(encodeAwarenessUpdate(entries.slice(1)), limits)).toHaveLength(2)
    expect(() => decodeAwarenessUpdate(encodeAwarenessUpdate(entries), limits)).toThrow(tooLarge)
    const long = encodeAwarenessUpdate([{ clientID: 1, clock: 1, state: '"abc"' }])
    expect(() => decodeAwarenessUpdate(long, limits)).toThrow(tooLarge)
    expect(() => decodeAwarenessUpdate(fromHex('ffffffffffffff0f'))).toThrow(tooLarge)
  })

  it('takes a deeply nested state without harm', () => {
    const state = '['.repeat(8000) + ']'.repeat(8000)
    const entries = [{ clientID: 1, clock: 1, state }]
    expect(decodeAwarenessUpdate(encodeAwarenessUpdate(entries))).toEqual(entries)
  })
})

describe('the stock awareness protocol', () => {
  const awareness = new awarenessProtocol.Awareness(new Y.Doc())
  afterAll(() => awareness.destroy())
  const { clientID } = awareness

  it('writes what we read, and reads what we write', () => {
    awareness.setLocalState({ name: 'Alice' })
    const written = awarenessProtocol.encodeAwarenessUpdate(awareness, [clientID])
    const [entry] = decodeAwarenessUpdate(written)
    expect(entry).toEqual({ clientID, clock: expect.any(Number), state: '{"name":"Alice"}' })
    expect(toHex(encodeAwarenessUpdate([entry as AwarenessEntry]))).toBe(toHex(written))

    const other = encodeAwarenessUpdate([{ clientID: 5, clock: 1, state: '{"name":"Bob"}' }])
    awarenessProtocol.applyAwarenessUpdate(awareness, other, 'test')
    expect(awareness.getStates().get(5)).toEqual({ name: 'Bob' })

    const gone = encodeAwarenessUpdate([{ clientID: 5, clock: 2, state: undefined }])
    awarenessProtocol.applyAwarenessUpdate(awareness, gone, 'test')
    expect(awareness.getStates().has(5)).toBe(false)
  })
})
