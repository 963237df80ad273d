/** Partitions with an inbox for tests, on the documents of the replica model. */
import { definePartition, type PartitionDefinition } from '../../src/model/partition-definition.ts'
import { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { pull, type TestHost, type TestHostOptions, testHost } from './replica-model.ts'

export interface InboxReplica {
  readonly host: TestHost
  readonly users: RegisterPartition<unknown>
}

const Users: PartitionDefinition<unknown, 'manual'> = definePartition({
  name: 'users',
  policy: 'manual',
})

export function openInbox(host: TestHost): InboxReplica {
  return { host, users: new RegisterPartition(Users, host) }
}

export function inboxReplica(options: TestHostOptions = {}): InboxReplica {
  return openInbox(testHost(options))
}

/** Ann's and Bob's replicas; Bob's clock is a second ahead. */
export function annAndBob(): [InboxReplica, InboxReplica] {
  const ann = inboxReplica({ actor: 'ann', writer: 1 })
  const bob = inboxReplica({ actor: 'bob', writer: 2 })
  bob.host.time.advance(1000)
  return [ann, bob]
}

export function exchange(a: InboxReplica, b: InboxReplica): void {
  pull(a.host, b.host)
  pull(b.host, a.host)
}

/** Brings a key into conflict between the two. */
export function disagree(a: InboxReplica, b: InboxReplica, key = 'key'): void {
  a.users.set(key, `${a.host.actor}'s`)
  b.users.set(key, `${b.host.actor}'s`)
  exchange(a, b)
}
