/** The layers on disk under the contract of a layer, after a restart, and when damaged. */
import { describe, expect, it } from 'vitest'
import { everyKey } from '../../../src/storage/layers/key-pattern.ts'
import type { Layer } from '../../../src/storage/layers/layer.ts'
import {
  type LevelLayerOptions,
  openArchiveLayer,
  openLevelLayer,
} from '../../../src/storage/layers/level-layer.ts'
import { createByteLevel } from '../../../src/storage/level-database.ts'
import { describeLayer, recordOf, textIn } from '../../contracts/layer.ts'
import { manualTime } from '../../support/manual-time.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const layers: [name: string, open: (options: LevelLayerOptions) => Promise<Layer>][] = [
  ['LevelDB', openLevelLayer],
  ['the archive', openArchiveLayer],
]

for (const [name, open] of layers) {
  describeLayer(name, async time => ({
    layer: await open({ location: await temporaryDirectory(), time }),
  }))

  describe(`${name} on disk`, () => {
    it('has everything after it was closed and opened', async () => {
      const location = await temporaryDirectory()
      const before = await open({ location })
      await before.write('key', recordOf('v'.repeat(10_000), 7))
      await before.close()
      const after = await open({ location })
      expect(textIn(await after.read('key'))).toBe('v'.repeat(10_000))
      await after.close()
    })

    it('reports a damaged record, gives no part of it, and takes the key again', async () => {
      const location = await temporaryDirectory()
      const written = await open({ location })
      await written.write('bad', recordOf('text '.repeat(200), 1))
      await written.write('good', recordOf('fine', 1))
      await written.close()
      await flipByte(location, 'vbad')

      const layer = await open({ location })
      await expect(layer.read('bad')).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' })
      expect(textIn(await layer.read('good'))).toBe('fine')
      await layer.write('bad', recordOf('mended', 2))
      expect(textIn(await layer.read('bad'))).toBe('mended')
      await layer.close()
    })
  })
}

describe('the archive', () => {
  it('takes less room for what can be compressed, and no more for what cannot', async () => {
    const text = JSON.stringify(Array.from({ length: 500 }, (_, id) => ({ id, name: 'message' })))
    expect(await bytesInArchive(new TextEncoder().encode(text))).toBeLessThan(text.length / 5)
    const noise = globalThis.crypto.getRandomValues(new Uint8Array(10_000))
    expect(await bytesInArchive(noise)).toBeLessThan(noise.length + 64)
  })
})

describe('sweeping', () => {
  it('removes everything that has ended from the disk', async () => {
    const time = manualTime()
    const location = await temporaryDirectory()
    const layer = await openLevelLayer({ location, time })
    for (let index = 0; index < 2500; index++) {
      void layer.write(`key${index}`, recordOf('v', 1, time.now() + 1000))
    }
    await layer.write('kept', recordOf('v', 1))
    time.advance(1001)
    await layer.sweep()
    expect(await layer.keys(everyKey)).toEqual(['kept'])
    await layer.close()
    const database = createByteLevel(location)
    expect((await database.keys().all()).map(key => new TextDecoder().decode(key))).toEqual([
      'vkept',
    ])
    await database.close()
  })
})

async function flipByte(location: string, key: string): Promise<void> {
  const database = createByteLevel(location)
  const name = new TextEncoder().encode(key)
  const value = new Uint8Array((await database.get(name)) as Uint8Array)
  value[40] = (value[40] as number) ^ 1
  await database.put(name, value)
  await database.close()
}

async function bytesInArchive(value: Uint8Array): Promise<number> {
  const location = await temporaryDirectory()
  const layer = await openArchiveLayer({ location })
  await layer.write('key', { ...recordOf(''), value })
  await layer.close()
  const database = createByteLevel(location)
  const stored = await database.get(new TextEncoder().encode('vkey'))
  await database.close()
  return stored?.length ?? Number.NaN
}
