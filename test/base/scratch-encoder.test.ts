import * as encoding from 'lib0/encoding'
import { describe, expect, it } from 'vitest'
import { encodeBytes } from '../../src/base/scratch-encoder.ts'

function text(of: string): (encoder: encoding.Encoder) => void {
  return encoder => encoding.writeVarString(encoder, of)
}

describe('what is encoded with an encoder that is used again', () => {
  it('is what a new one would write, whatever was written before', () => {
    for (const length of [0, 10, 99, 100, 101, 5000, 100_000, 3]) {
      const write = text('x'.repeat(length))
      expect(encodeBytes(write)).toEqual(encoding.encode(write))
    }
  })

  it('stays as it is when the next is encoded', () => {
    const first = encodeBytes(text('first'))
    const copy = first.slice()
    encodeBytes(text('other'))
    expect(first).toEqual(copy)
  })

  it('may hold what is encoded meanwhile', () => {
    const nested = encodeBytes(encoder => {
      encoding.writeVarString(encoder, 'outer')
      encoding.writeVarUint8Array(encoder, encodeBytes(text('inner')))
    })
    const expected = encoding.encode(encoder => {
      encoding.writeVarString(encoder, 'outer')
      encoding.writeVarUint8Array(encoder, encoding.encode(text('inner')))
    })
    expect(nested).toEqual(expected)
  })

  it('holds nothing of what somebody failed to write', () => {
    const failure = new Error('in the middle')
    const fail = () =>
      encodeBytes(encoder => {
        encoding.writeVarString(encoder, 'half')
        throw failure
      })
    expect(fail).toThrow(failure)
    expect(encodeBytes(text('whole'))).toEqual(encoding.encode(text('whole')))
  })
})
