/** Copies that share buffers, and nothing else. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pooledCopy } from '../../server/pooled-copy.ts'

describe('pooled copies', () => {
  it('hold what was copied, whatever is written to the original and to each other', () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 60 })
    fc.assert(
      fc.property(lengths, lengths => {
        const copies = lengths.map((length, index) => {
          const original = new Uint8Array(length + (index % 3)).fill(index)
          const copy = pooledCopy(original, length)
          original.fill(255)
          return copy
        })
        copies.forEach((copy, index) => {
          expect(copy).toEqual(new Uint8Array(lengths[index] ?? 0).fill(index))
          copy.fill(254)
        })
      }),
      { numRuns: 20 },
    )
  })

  it('are plain arrays of bytes, of a Buffer too', () => {
    for (const length of [3, 3000]) {
      expect(pooledCopy(Buffer.alloc(length, 1), length).constructor).toBe(Uint8Array)
    }
  })
})
