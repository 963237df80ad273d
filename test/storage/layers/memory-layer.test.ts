/** Memory under the contract of a layer, and its bound. */
import { describe, expect, it } from 'vitest'
import { MemoryLayer } from '../../../src/storage/layers/memory-layer.ts'
import { describeLayer, recordOf, textIn } from '../../contracts/layer.ts'

describeLayer('memory', async time => ({ layer: new MemoryLayer({ time }) }))

describe('the bound of memory', () => {
  it('holds, and what was used least recently goes', async () => {
    const layer = new MemoryLayer({ bytesMax: 3000 })
    for (let index = 0; index < 100; index++) {
      layer.put(`key${index}`, recordOf('x'.repeat(500), index + 1))
      layer.peek('key0')
      expect(layer.bytes).toBeLessThanOrEqual(3000)
    }
    expect(textIn(layer.peek('key0'))).toHaveLength(500)
    expect(layer.peek('key50')).toBeUndefined()
    expect(layer.evictions).toBeGreaterThan(90)
  })

  it('lets a value that is too large replace the one that it overwrites, by nothing', () => {
    const layer = new MemoryLayer({ bytesMax: 1000 })
    layer.put('key', recordOf('small', 1))
    layer.put('key', recordOf('x'.repeat(2000), 2))
    expect(layer.peek('key')).toBeUndefined()
  })
})
