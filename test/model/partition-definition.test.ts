import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { definePartition, parsePartitionName } from '../../src/model/partition-definition.ts'

const refused = expect.objectContaining({ code: 'PARTITION_INVALID' })

describe('a partition definition', () => {
  it('holds what was declared, and cannot be changed', () => {
    const schema = z.object({ name: z.string() })
    const definition = definePartition({
      name: 'users',
      policy: 'last-write-wins',
      schema,
      version: 3,
    })
    expect(definition).toMatchObject({ name: 'users', policy: 'last-write-wins', version: 3 })
    expect(definition.schema).toBe(schema)
    expect(Object.isFrozen(definition)).toBe(true)
  })

  it('is version 1 without a schema if nothing is said', () => {
    const definition = definePartition({ name: 'notes', policy: 'crdt' })
    expect(definition).toMatchObject({ version: 1, schema: undefined })
  })

  it('is permanent only as a log, and only if that is said', () => {
    expect(definePartition({ name: 'notes', policy: 'log' }).permanent).toBe(false)
    expect(definePartition({ name: 'notes', policy: 'log', permanent: true }).permanent).toBe(true)
    expect(() => definePartition({ name: 'users', policy: 'merge', permanent: true })).toThrow(
      refused,
    )
  })

  it.each([0, -1, 1.5, Number.NaN, 2 ** 53, '1', null])('refuses the version %j', version => {
    expect(() =>
      definePartition({ name: 'users', policy: 'crdt', version: version as number }),
    ).toThrow(refused)
  })

  it.each(['', 'CRDT', 'toString', '__proto__', undefined, null, {}])(
    'refuses the policy %j',
    policy => {
      expect(() => definePartition({ name: 'users', policy: policy as 'crdt' })).toThrow(refused)
    },
  )

  it('refuses an option that there is not, such as one with a typo', () => {
    const options = { name: 'users', policy: 'last-write-wins', indices: {} } as const
    expect(() => definePartition(options)).toThrow(refused)
  })

  it('refuses leases that end for their holder when they begin', () => {
    const leased = (budget: { leaseMilliseconds: number; skewMilliseconds?: number }) => () =>
      definePartition({ name: 'tokens', policy: 'budget', budget })
    expect(leased({ leaseMilliseconds: 5_000 })).toThrow(refused)
    expect(leased({ leaseMilliseconds: 5_001 })).not.toThrow()
    expect(leased({ leaseMilliseconds: 100, skewMilliseconds: 100 })).toThrow(refused)
    expect(leased({ leaseMilliseconds: 100, skewMilliseconds: 99 })).not.toThrow()
  })
})

describe('a partition name', () => {
  it.each(['a', 'Users', 'my-notes_2', 'constructor', 'a'.repeat(64)])('may be %s', name => {
    expect(parsePartitionName(name)).toBe(name)
  })

  it.each([
    '',
    '1a',
    '-a',
    '_a',
    'a b',
    'a/b',
    'a.b',
    'ü',
    'a\n',
    'a'.repeat(65),
    '__proto__',
    7,
    null,
  ])('is refused: %j', name => {
    expect(() => parsePartitionName(name as string)).toThrow(refused)
    expect(() => definePartition({ name: name as string, policy: 'crdt' })).toThrow(refused)
  })
})
