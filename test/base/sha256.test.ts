import { digest } from 'lib0/hash/sha256'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../../src/base/sha256.ts'

describe('SHA-256', () => {
  it('is what the standard says of "abc"', () => {
    const hex = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    expect(Buffer.from(sha256(new TextEncoder().encode('abc'))).toString('hex')).toBe(hex)
  })

  it('is the same as of the way that browsers go, for bytes of any length and place', () => {
    const all = Uint8Array.from({ length: 300 }, (_, at) => (at * 89) % 256)
    for (let from = 0; from < 150; from += 7) {
      for (let end = from; end < 300; end += 13) {
        const bytes = all.subarray(from, end)
        expect(sha256(bytes)).toEqual(new Uint8Array(digest(bytes)))
      }
    }
  })

  it('answers an array of its own, which is no Buffer: logs store it', () => {
    const bytes = sha256(new Uint8Array(3))
    expect(bytes.constructor).toBe(Uint8Array)
    expect(bytes.buffer.byteLength).toBe(32)
  })
})
