/** Logs for tests, on the documents of the replica model. */
import { definePartition, type PartitionDefinition } from '../../src/model/partition-definition.ts'
import { LogPartition } from '../../src/partition/log/log-partition.ts'
import { type TestHost, type TestHostOptions, testHost } from './replica-model.ts'

export interface LogReplica {
  readonly host: TestHost
  readonly log: LogPartition<unknown>
}

const Journal: PartitionDefinition<unknown, 'log'> = definePartition({
  name: 'journal',
  policy: 'log',
})

export function openLog(host: TestHost): LogReplica {
  return { host, log: new LogPartition(Journal, host) }
}

export function logReplica(options: TestHostOptions = {}): LogReplica {
  return openLog(testHost(options))
}

export function values(log: LogPartition<unknown>): unknown[] {
  return [...log].map(({ value }) => value)
}

export function codes(log: LogPartition<unknown>): string[] {
  return log.verify().problems.map(({ error }) => error.code)
}
