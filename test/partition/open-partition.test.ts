import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { definePartition } from '../../src/model/partition-definition.ts'
import { CrdtPartition } from '../../src/partition/crdt-partition.ts'
import type { LogPartition } from '../../src/partition/log/log-partition.ts'
import { openPartition } from '../../src/partition/open-partition.ts'
import { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { testHost } from './replica-model.ts'

const schema = z.object({ name: z.string(), age: z.number(), tags: z.array(z.string()) })
type User = z.infer<typeof schema>

describe('opening a definition', () => {
  it('gives native types for crdt', () => {
    const notes = openPartition(definePartition({ name: 'notes', policy: 'crdt' }), testHost())
    expectTypeOf(notes).toEqualTypeOf<CrdtPartition>()
    expect(notes).toBeInstanceOf(CrdtPartition)
  })

  it('gives registers with the type of the schema for every other policy', () => {
    const named = openPartition(
      definePartition({ name: 'users', policy: 'last-write-wins', schema }),
      testHost(),
    )
    expectTypeOf(named).toEqualTypeOf<RegisterPartition<User>>()
    expectTypeOf(named.get('ann')).toEqualTypeOf<User | undefined>()
    const merged = openPartition(
      definePartition({ name: 'users', policy: 'merge', schema, merge: { tags: 'union' } }),
      testHost(),
    )
    expectTypeOf(merged).toEqualTypeOf<RegisterPartition<User>>()
    const decided = openPartition(
      definePartition({
        name: 'users',
        schema,
        policy: siblings => siblings.find(({ value }) => (value?.age ?? 0) > 3)?.value,
      }),
      testHost(),
    )
    expectTypeOf(decided).toEqualTypeOf<RegisterPartition<User>>()
    for (const handle of [named, merged, decided]) expect(handle).toBeInstanceOf(RegisterPartition)
  })

  it('takes any value where there is no schema', () => {
    const data = openPartition(definePartition({ name: 'data', policy: 'manual' }), testHost())
    expectTypeOf(data).toEqualTypeOf<RegisterPartition<unknown>>()
    data.set('a', [1n])
    expect(data.get('a')).toEqual([1n])
  })

  it('takes the type of its values by name where there is no schema', () => {
    const tasks = openPartition(
      definePartition<{ done: boolean }>({ name: 'tasks', policy: 'last-write-wins' }),
      testHost(),
    )
    expectTypeOf(tasks).toEqualTypeOf<RegisterPartition<{ done: boolean }>>()
    const steps = openPartition(
      definePartition<string>({ name: 'steps', policy: 'log' }),
      testHost(),
    )
    expectTypeOf(steps).toEqualTypeOf<LogPartition<string>>()
    tasks.set('a', { done: true })
    steps.append('a')
    expect([tasks.size, steps.length]).toEqual([1, 1])
  })
})

describe('defining a partition', () => {
  const name = 'users'

  it('refuses merge choices that make no sense', () => {
    const invalid = expect.objectContaining({ code: 'PARTITION_INVALID' })
    const attempts = [
      () => definePartition({ name, policy: 'manual', schema, merge: { tags: 'union' } }),
      // @ts-expect-error there is no such choice
      () => definePartition({ name, policy: 'merge', schema, merge: { age: 'sum' } }),
      // @ts-expect-error there is no such field
      () => definePartition({ name, policy: 'merge', schema, merge: { size: 'sum' } }),
      // @ts-expect-error there is no such policy
      () => definePartition({ name, policy: 'newest' }),
    ]
    for (const attempt of attempts) expect(attempt).toThrow(invalid)
  })
})
