import { join } from 'node:path'
import { crc32 as native } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { crc32, crc32c } from '../../src/storage/crc.ts'
import { openLevelStorage } from '../../src/storage/level-storage.ts'
import { sealUpdate, unsealUpdate } from '../../src/storage/sealed-update.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

describe('the checksums', () => {
  it('are those that the world knows by these names', () => {
    const check = new TextEncoder().encode('123456789')
    expect(crc32(check).toString(16)).toBe('cbf43926')
    expect(crc32c(check).toString(16)).toBe('e3069283')
  })

  it('go on from the sum of what comes before, and are equal to the native one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 99 }), fc.uint8Array({ maxLength: 99 }), (a, b) => {
        const both = Uint8Array.of(...a, ...b)
        expect(crc32(b, crc32(a))).toBe(native(both))
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

  it('is the same whoever computes it', () => {
    expect(sealUpdate(update, 7, { crc: native })).toEqual(sealUpdate(update, 7))
    expect(unsealUpdate(sealUpdate(update, 7), 7, native)).toEqual(update)
  })
})

it('a storage with a native checksum reads what one without has written, and back', async () => {
  const location = join(await temporaryDirectory(), 'data')
  const update = Uint8Array.of(0, 0)
  const calls: number[] = []
  const counted = (bytes: Uint8Array, before?: number) => {
    calls.push(bytes.length)
    return native(bytes, before)
  }
  for (const options of [{}, { crc32: counted }, {}]) {
    const storage = await openLevelStorage({ location, ...options })
    await storage.append('doc', update)
    expect((await storage.load('doc')).damaged).toEqual([])
    await storage.close()
  }
  expect(calls).toEqual([2, 2, 2]) // written once, and two read
})
