import { describe, expect, test } from 'vitest'
import { GroupCommit } from '../../src/storage/group-commit.ts'
import { manualTime } from '../support/manual-time.ts'

const kB = 1024

interface Disk {
  fsyncMilliseconds: number
  bytesPerMillisecond: number
}

/** A group commit on a disk of that speed; `flood` answers how many bytes each group had. */
function paced(disk: Disk) {
  const time = manualTime()
  const groups: number[] = []
  const commits = new GroupCommit<{ bytes: number; alone: false }, number>({
    time,
    async commit(writes) {
      const bytes = writes.reduce((sum, write) => sum + write.bytes, 0)
      groups.push(bytes)
      time.advance(disk.fsyncMilliseconds + bytes / disk.bytesPerMillisecond)
      return writes.map(() => 0)
    },
  })
  const flood = async (bytes: number, bytesEach = 4 * kB) => {
    groups.length = 0
    const count = bytes / bytesEach
    const write = { bytes: bytesEach, alone: false } as const
    await Promise.all(Array.from({ length: count }, () => commits.write(write)))
    return [...groups]
  }
  /** Some time in which little is written. */
  const trickle = async () => {
    for (let write = 0; write < 200; write++) await flood(kB, kB)
  }
  return { flood, trickle }
}

describe('the bytes of a group', () => {
  test('are what the disk has been writing in ten milliseconds, beside the fsync', async () => {
    const { flood, trickle } = paced({ fsyncMilliseconds: 5, bytesPerMillisecond: 50 * kB })
    await trickle()
    await flood(32 * 1024 * kB)
    const groups = await flood(8 * 1024 * kB)
    for (const bytes of groups.slice(0, -1)) {
      expect(bytes).toBeGreaterThan(400 * kB)
      expect(bytes).toBeLessThan(600 * kB)
    }
  })

  test('are bounded by their number alone where the disk is fast', async () => {
    const { flood, trickle } = paced({ fsyncMilliseconds: 1, bytesPerMillisecond: 1024 * kB })
    await trickle()
    await flood(32 * 1024 * kB)
    expect(Math.max(...(await flood(8 * 1024 * kB)))).toBe(1000 * 4 * kB)
  })

  test('do not shrink for a slow fsync, which fewer of them would not shorten', async () => {
    const { flood, trickle } = paced({ fsyncMilliseconds: 60, bytesPerMillisecond: 1024 * kB })
    await trickle()
    await flood(32 * 1024 * kB)
    expect(Math.max(...(await flood(8 * 1024 * kB)))).toBeGreaterThan(3 * 1024 * kB)
  })

  test('stay above a floor on the slowest disk, and grow again when it is fast', async () => {
    const disk = { fsyncMilliseconds: 1, bytesPerMillisecond: kB }
    const { flood, trickle } = paced(disk)
    await trickle()
    await flood(16 * 1024 * kB)
    expect(new Set(await flood(1024 * kB))).toEqual(new Set([128 * kB]))
    disk.bytesPerMillisecond = 1024 * kB
    await flood(32 * 1024 * kB)
    expect(Math.max(...(await flood(8 * 1024 * kB)))).toBe(1000 * 4 * kB)
  })

  test('hold one write, however large it is', async () => {
    const { flood } = paced({ fsyncMilliseconds: 1, bytesPerMillisecond: kB })
    const large = 8 * 1024 * kB
    expect(await flood(3 * large, large)).toEqual([large, large, large])
  })
})
