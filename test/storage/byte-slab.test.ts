import { expect, test } from 'vitest'
import { ByteSlab } from '../../src/storage/byte-slab.ts'

test('takes little room for one small array, and few buffers for many', () => {
  // A write a time is what most agents do: each begins with a slab of its own.
  expect(new ByteSlab().take(40).buffer.byteLength).toBeLessThan(1024)
  const slab = new ByteSlab()
  const arrays = Array.from({ length: 10_000 }, () => slab.take(40))
  const buffers = new Set(arrays.map(({ buffer }) => buffer))
  expect(buffers.size).toBeLessThan(16)
  expect(sum(buffers, ({ byteLength }) => byteLength)).toBeLessThan(
    2 * sum(arrays, ({ length }) => length),
  )
})

test('gives arrays of zeros that share no bytes, and a large one a buffer of its own', () => {
  const slab = new ByteSlab()
  const lengths = [0, 1, 511, 512, 513, 4096, 4097, 65_536, 7]
  const arrays = lengths.map(length => slab.take(length))
  expect(arrays.map(({ length }) => length)).toEqual(lengths)
  expect(arrays.every(array => array.every(byte => byte === 0))).toBe(true)
  for (const [index, array] of arrays.entries()) array.fill(index + 1)
  for (const [index, array] of arrays.entries()) {
    expect(array.every(byte => byte === index + 1)).toBe(true)
  }
  expect(
    arrays.filter(({ length }) => length > 4096).map(({ buffer }) => buffer.byteLength),
  ).toEqual([4097, 65_536])
})

function sum<Item>(items: Iterable<Item>, of: (item: Item) => number): number {
  let total = 0
  for (const item of items) total += of(item)
  return total
}
