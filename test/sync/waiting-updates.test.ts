import { describe, expect, test } from 'vitest'
import { WaitingUpdates } from '../../src/sync/waiting-updates.ts'
import { textOf, writer } from '../server/writer.ts'

/** Takes out all that waits. */
function drain(waiting: WaitingUpdates, bytesMax = Number.POSITIVE_INFINITY) {
  const taken = []
  while (!waiting.isEmpty) taken.push(waiting.shift(bytesMax))
  return taken
}

describe('updates that wait', () => {
  test('leave as one where they were made here', () => {
    const waiting = new WaitingUpdates()
    const ours = writer(1)
    const before = ours.append('0')
    for (let version = 5; version < 15; version++) waiting.push(ours.append('x'), version, true)
    waiting.push(ours.deleteFirst(2), 15, true)
    expect(waiting.firstVersion).toBe(5)
    const [joined, ...others] = drain(waiting)
    expect(others).toEqual([])
    expect(joined).toMatchObject({ firstVersion: 5, version: 15, own: true })
    expect(textOf(before, joined?.update as Uint8Array)).toBe('xxxxxxxxx')
    expect(waiting.bytes).toBe(0)
  })

  test('of others leave as they came, in their order', () => {
    const waiting = new WaitingUpdates()
    const [ours, theirs] = [writer(1), writer(2)]
    const updates = [ours.append('a'), ours.append('b'), theirs.append('c'), theirs.append('d')]
    const last = ours.append('e')
    for (const [index, update] of [...updates, last].entries()) {
      waiting.push(update, index, update === last || index < 2)
    }
    const taken = drain(waiting)
    expect(taken.map(({ firstVersion, version }) => [firstVersion, version])).toEqual([
      [0, 1],
      [2, 2],
      [3, 3],
      [4, 4],
    ])
    expect(taken.slice(1).map(({ update }) => update)).toEqual([...updates.slice(2), last])
  })

  test('that do not begin where the one before ends are left as they are', () => {
    const waiting = new WaitingUpdates()
    const ours = writer(1)
    const [first, , third] = [ours.append('a'), ours.append('b'), ours.append('c')]
    waiting.push(first, 1, true)
    waiting.push(third, 3, true)
    expect(drain(waiting).map(({ update }) => update)).toEqual([first, third])
  })

  test('are not joined to more than the peer accepts, nor to more than 64 KiB', () => {
    const waiting = new WaitingUpdates()
    const ours = writer(1)
    for (let version = 0; version < 20; version++)
      waiting.push(ours.append('x'.repeat(500)), version, true)
    for (const { update } of drain(waiting, 2_000)) expect(update.length).toBeLessThanOrEqual(2_000)
    for (let version = 0; version < 20; version++)
      waiting.push(ours.append('x'.repeat(10_000)), version, true)
    expect(drain(waiting).map(({ update }) => update.length > 50_000)).toEqual([
      true,
      true,
      true,
      false,
    ])
  })
})
