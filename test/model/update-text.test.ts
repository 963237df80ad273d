import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { utf16Length } from '../../src/model/update-text.ts'

/** As Yjs decodes. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodedLength(bytes: Uint8Array): number {
  try {
    return decoder.decode(bytes).length
  } catch {
    return -1
  }
}

function lengthOf(bytes: Uint8Array): number {
  // In the middle of a larger array, whose other bytes must not matter.
  const padded = new Uint8Array([0xbf, ...bytes, 0xbf, 0xbf, 0xbf])
  return utf16Length(padded, 1, 1 + bytes.length)
}

describe('the length of a text', () => {
  it('is that of the decoded string', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        expect(lengthOf(new TextEncoder().encode(text))).toBe(text.length)
      }),
    )
  })

  it('is missing exactly for what a strict decoder refuses', () => {
    const lead = fc.constantFrom(0x41, 0x80, 0xbf, 0xc1, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5)
    const byte = fc.oneof(lead, fc.constantFrom(0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf), fc.nat(255))
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3 }),
        fc.array(byte, { maxLength: 6 }),
        (some, more) => {
          const bytes = new Uint8Array([...some, ...more])
          expect(lengthOf(bytes)).toBe(decodedLength(bytes))
        },
      ),
      { numRuns: 5000 },
    )
  })

  it('agrees with the decoder on every lead byte with every second byte', () => {
    for (let pair = 0; pair < 0x10000; pair++) {
      for (const rest of [[], [0x80], [0x80, 0x80]]) {
        const bytes = new Uint8Array([pair >> 8, pair & 0xff, ...rest])
        if (lengthOf(bytes) !== decodedLength(bytes)) expect.unreachable(`differs on ${bytes}`)
      }
    }
  })
})
