/** A partition of users with a history, for the tests of history. */
import { z } from 'zod'
import { defineHistory, type HistoryDefinition } from '../../src/history/history-definition.ts'
import { definePartition, type PartitionDefinition } from '../../src/index.ts'

export interface User {
  name: string
  status?: string | undefined
}

export const Users: PartitionDefinition<User, 'last-write-wins'> = definePartition<
  User,
  'last-write-wins'
>({
  name: 'users',
  policy: 'last-write-wins',
  schema: z.object({ name: z.string(), status: z.string().optional() }),
})

export const UsersHistory: HistoryDefinition<User, 'last-write-wins'> = defineHistory({
  of: Users,
  retentionMilliseconds: Number.POSITIVE_INFINITY,
})
