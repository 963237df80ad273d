/** Users with indexes of every kind, for the tests of queries. */
import type { IndexChoices } from '../../src/model/index-definition.ts'
import {
  definePartition,
  type PartitionDefinition,
  type RegisterPolicyName,
} from '../../src/model/partition-definition.ts'
import { openPartition } from '../../src/partition/open-partition.ts'
import { QueryableRegisters } from '../../src/query/queryable-registers.ts'
import { type TestHost, type TestHostOptions, testHost } from '../partition/replica-model.ts'

export interface User {
  readonly name?: unknown
  readonly status?: unknown
  readonly age?: unknown
  readonly at?: unknown
  readonly tags?: unknown
  readonly owner?: unknown
}

export const userIndexes: IndexChoices<User> = {
  byStatus: 'status',
  byHour: { on: 'at', bucket: 10 },
  byTag: 'tags',
  byTown: 'owner.town',
  byStatusAndAge: ['status', 'age'],
  byTagAndAge: ['tags', 'age'],
  initial: (user: User) => String(user.name).slice(0, 1),
  parts: (user: User, key: string) => [key, (user.owner as { town: string }).town],
  byKey: '_id',
}

export type Users = PartitionDefinition<User, RegisterPolicyName>

export function usersOf(policy: RegisterPolicyName): Users {
  return definePartition<User>({ name: 'users', policy, indexes: userIndexes })
}

export interface OpenUsers {
  readonly host: TestHost
  readonly users: QueryableRegisters<User>
}

export function openUsers(
  options: TestHostOptions = {},
  definition: Users = usersOf('last-write-wins'),
): OpenUsers {
  const host = testHost({ checkPolicies: false, ...options })
  const users = openPartition(definition, host, QueryableRegisters) as QueryableRegisters<User>
  return { host, users }
}
