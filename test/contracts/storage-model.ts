/** The law of order of a storage: whatever is issued at once ends as if done one by one. */
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Storage } from '../../src/storage/storage.ts'
import { updateSaying } from './sample-update.ts'

type Operation =
  | { type: 'append'; document: string; client: number }
  | { type: 'replace'; document: string; back: number; client: number }
  | { type: 'remove'; document: string }
  | { type: 'record'; key: string; value: number | undefined }
  | { type: 'wait' }

const document = fc.constantFrom('a', 'b', 'room:r/users')
const client = fc.integer({ min: 1, max: 1000 })

export const storageOperations: fc.Arbitrary<Operation[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ type: fc.constant('append'), document, client }) },
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constant('replace'), document, client, back: fc.nat(4) }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('remove'), document }) },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('record'),
        key: fc.constantFrom('k1', 'k2'),
        value: fc.option(fc.nat(255), { nil: undefined }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('wait') }) },
  ) as fc.Arbitrary<Operation>,
  { minLength: 1, maxLength: 40 },
)

interface ModelLog {
  next: number
  updates: { clock: number; client: number }[]
}

/** Issues the operations, waiting only where one says so, and compares with the model. */
export async function runAgainstModel(storage: Storage, operations: Operation[]): Promise<void> {
  const logs = new Map<string, ModelLog>()
  const records = new Map<string, number>()
  const expected: (number | undefined)[] = []
  let issued: Promise<number | void>[] = []
  const wait = async () => {
    expect(await Promise.all(issued)).toEqual(expected.splice(0))
    issued = []
    await compare(storage, logs, records)
  }
  for (const operation of operations) {
    if (operation.type === 'wait') {
      await wait()
      continue
    }
    issued.push(issue(storage, operation, logs))
    expected.push(applyToModel(operation, logs, records))
  }
  await wait()
}

function modelLog(logs: Map<string, ModelLog>, name: string): ModelLog {
  const log = logs.get(name) ?? { next: 0, updates: [] }
  logs.set(name, log)
  return log
}

/** The clock that a replace of `back` updates before the next one means. */
function throughOf(log: ModelLog, back: number): number {
  return Math.max(0, log.next - 1 - back)
}

function issue(
  storage: Storage,
  operation: Exclude<Operation, { type: 'wait' }>,
  logs: Map<string, ModelLog>,
): Promise<number | void> {
  switch (operation.type) {
    case 'append':
      return storage.append(operation.document, updateSaying('x', operation.client))
    case 'replace': {
      const through = throughOf(modelLog(logs, operation.document), operation.back)
      return storage.replace(operation.document, through, updateSaying('x', operation.client))
    }
    case 'remove':
      return storage.remove(operation.document)
    case 'record': {
      const { key, value } = operation
      return storage.writeRecord(key, value === undefined ? undefined : Uint8Array.of(value))
    }
  }
}

function applyToModel(
  operation: Exclude<Operation, { type: 'wait' }>,
  logs: Map<string, ModelLog>,
  records: Map<string, number>,
): number | undefined {
  if (operation.type === 'record') {
    if (operation.value === undefined) records.delete(operation.key)
    else records.set(operation.key, operation.value)
    return undefined
  }
  const log = modelLog(logs, operation.document)
  if (operation.type === 'remove') {
    log.updates = []
    return undefined
  }
  const { client } = operation
  if (operation.type === 'append') {
    log.updates.push({ clock: log.next, client })
    log.next += 1
    return log.next - 1
  }
  const through = throughOf(log, operation.back)
  if (log.updates.some(({ clock }) => clock === through)) {
    const later = log.updates.filter(({ clock }) => clock > through)
    log.updates = [{ clock: through, client }, ...later]
  }
  return undefined
}

async function compare(
  storage: Storage,
  logs: Map<string, ModelLog>,
  records: Map<string, number>,
): Promise<void> {
  for (const [name, log] of logs) {
    const { updates, damaged } = await storage.load(name)
    expect(damaged).toEqual([])
    expect(updates.map(({ clock, update }) => [clock, [...update]])).toEqual(
      log.updates.map(({ clock, client }) => [clock, [...updateSaying('x', client)]]),
    )
  }
  const names = [...logs].filter(([, { updates }]) => updates.length > 0).map(([name]) => name)
  expect([...(await storage.documents())].sort()).toEqual(names.sort())
  const found = [...(await storage.records(''))].map(([key, value]) => [key, value[0]])
  expect(found).toEqual([...records].sort())
}
