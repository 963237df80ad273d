/** The stack under the contract of a layer, and what it does beyond: reading through, promotion. */
import { describe, expect, it } from 'vitest'
import { everyKey, KeyPattern } from '../../../src/storage/layers/key-pattern.ts'
import { LayerStack } from '../../../src/storage/layers/layer-stack.ts'
import { openArchiveLayer, openLevelLayer } from '../../../src/storage/layers/level-layer.ts'
import { MemoryLayer } from '../../../src/storage/layers/memory-layer.ts'
import { describeLayer, recordOf, stampAt, textIn } from '../../contracts/layer.ts'
import { manualTime } from '../../support/manual-time.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { SlowLayer } from './slow-layer.ts'

async function openStack(time = manualTime()) {
  const memory = new MemoryLayer({ time })
  const level = await openLevelLayer({ location: await temporaryDirectory(), time })
  const archive = await openArchiveLayer({ location: await temporaryDirectory(), time })
  return {
    time,
    memory,
    level,
    archive,
    layer: new LayerStack({ memory, below: [level, archive], time }),
  }
}

describeLayer('the stack', openStack)

describe('a stack', () => {
  it('reads from the slowest layer and promotes to all faster ones', async () => {
    const { layer: stack, memory, level, archive } = await openStack()
    await archive.write('key', recordOf('deep', 1))
    expect(textIn(await stack.read('key'))).toBe('deep')
    expect(textIn(memory.peek('key'))).toBe('deep')
    // The promotion was handed over before the read resolved, and what follows waits for it.
    await level.write('other', recordOf('', 1))
    expect(textIn(await level.read('key'))).toBe('deep')
    await stack.close()
  })

  it('takes an overwritten key out of the layers that a write does not name', async () => {
    const { layer: stack, memory, level, archive } = await openStack()
    await stack.write('key', recordOf('everywhere', 1))
    await stack.store('key', recordOf('in memory', 2), ['memory'])
    await memory.remove(KeyPattern.of('key'), stampAt(9))
    expect(await level.read('key')).toBeUndefined()
    expect(await archive.read('key')).toBeUndefined()
    expect(await stack.read('key')).toBeUndefined()
    await stack.close()
  })

  it('makes one read of many for the same key', async () => {
    const slow = new SlowLayer(new MemoryLayer())
    const stack = new LayerStack({ memory: new MemoryLayer(), below: [slow] })
    await stack.store('key', recordOf('v', 1), ['slow'])
    await stack.forget(KeyPattern.of('key'), stampAt(9))
    const reads = Array.from({ length: 100 }, () => stack.read('key'))
    await slow.release()
    expect((await Promise.all(reads)).map(textIn)).toEqual(Array(100).fill('v'))
    expect(slow.reads).toBe(1)
    await stack.close()
  })

  it('neither answers nor promotes what was removed while it was being read', async () => {
    const slow = new SlowLayer(new MemoryLayer())
    const memory = new MemoryLayer()
    const stack = new LayerStack({ memory, below: [slow] })
    await stack.store('key', recordOf('old', 1), ['slow'])
    await stack.forget(KeyPattern.of('key'), stampAt(9))
    const reading = stack.read('key')
    await slow.held()
    await stack.remove(KeyPattern.of('key'), stampAt(9))
    const later = stack.read('key')
    await slow.release()
    expect(await reading).toBeUndefined()
    expect(await later).toBeUndefined()
    expect(memory.peek('key')).toBeUndefined()
    await stack.close()
  })

  it('reads nothing of a key that is being removed, although one layer still has it', async () => {
    const { layer: stack, memory, level, archive } = await openStack()
    for (let round = 0; round < 50; round++) {
      await stack.write('key', recordOf('old', round * 10))
      const removing = stack.drop(KeyPattern.of('key'), stampAt(round * 10 + 1))
      const reads = [stack.read('key'), removing.then(() => stack.read('key'))]
      expect((await Promise.all(reads)).map(textIn)).toEqual([undefined, undefined])
      for (const layer of [memory, level, archive]) expect(await layer.keys(everyKey)).toEqual([])
    }
    await stack.close()
  })
})
