import { crc32 as native } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { crc32, crc32c, createCrc } from '../../src/storage/crc.ts'
import { unsealUpdate } from '../../src/storage/sealed-update.ts'

describe('the checksums', () => {
  it('are those that the world knows by these names', () => {
    const check = new TextEncoder().encode('123456789')
    expect(crc32(check).toString(16)).toBe('cbf43926')
    expect(crc32c(check).toString(16)).toBe('e3069283')
  })

  it('go on from the sum of what comes before, and are equal with and without Node', () => {
    const ours = createCrc(0xedb88320)
    expect(crc32).toBe(native)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 99 }), fc.uint8Array({ maxLength: 99 }), (a, b) => {
        const both = Uint8Array.of(...a, ...b)
        expect(ours(b, ours(a))).toBe(native(both))
        expect(crc32c(b, crc32c(a))).toBe(crc32c(both))
      }),
    )
  })
})

describe('a seal', () => {
  const doc = new Y.Doc()
  doc.getText('text').insert(0, 'abc')
  const update = Y.encodeStateAsUpdate(doc)

  it('with the CRC-32C of the update, as they once were, is still good', () => {
    const sum = crc32c(update, 7)
    const sealed = Uint8Array.of(...update, 0xd5, sum >>> 24, sum >>> 16, sum >>> 8, sum)
    expect(unsealUpdate(sealed, 7)).toEqual(update)
    expect(unsealUpdate(sealed, 8)).toBeInstanceOf(Error)
    sealed[2] = (sealed[2] as number) ^ 1
    expect(unsealUpdate(sealed, 7)).toBeInstanceOf(Error)
  })
})
