/** `statemesh cleanup`: what the rules of a data directory no longer keep, shown or taken away. */
import { readFile } from 'node:fs/promises'
import { StatemeshError } from '../../src/base/error.ts'
import { auditName, versionsName } from '../../src/history/history-definition.ts'
import { schemaName } from '../../src/history/migrations/migration-definition.ts'
import { isDocumentName, splitDocumentName } from '../../src/model/document-name.ts'
import { parseActorId } from '../../src/model/id.ts'
import { definePartition } from '../../src/model/partition-definition.ts'
import { globalScope } from '../../src/model/scope.ts'
import {
  type Cleaner,
  type CleanerOptions,
  type CleanupReport,
  openCleaner,
} from '../../src/observe/cleanup/cleaner.ts'
import { Retention, type RetentionRuleInput } from '../../src/observe/cleanup/retention-rule.ts'
import { kindOf } from '../../src/observe/debugger/document-kind.ts'
import { docOf } from '../../src/observe/debugger/rewind.ts'
import type { AnyPartitionDefinition } from '../../src/partition/open-partition.ts'
import { openReplica, type Replica } from '../../src/replica.ts'
import type { Layer } from '../../src/storage/layers/layer.ts'
import { openArchiveLayer } from '../../src/storage/layers/level-layer.ts'
import { MemoryLayer } from '../../src/storage/layers/memory-layer.ts'
import { openLevelStorage } from '../../src/storage/level-storage.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { withSource } from './data-source.ts'
import { log } from './log.ts'
import type { Outcome } from './outcome.ts'
import { checkDatabase } from './private-copy.ts'
import { tableText } from './table.ts'

export interface CleanupFlags {
  data: string
  dryRun?: true
  archive?: string
  rules?: string
  actor: string
  operations: number
  milliseconds: number
  json?: true
}

type Rules = { readonly [name: string]: RetentionRuleInput }

/**
 * Exits with 1 where the budget ended first, or a rule or a document could not be looked at.
 *
 * @throws STORAGE_LOCKED while a process has the directory or the archive open, unless it is only
 * shown; OPTION_INVALID, ID_INVALID, STORAGE_CORRUPT, STORAGE_UNAVAILABLE
 */
export async function cleanupData(flags: CleanupFlags): Promise<Outcome> {
  parseActorId(flags.actor)
  const given = flags.rules === undefined ? {} : await readRules(flags.rules)
  await checkDatabase(flags.data)
  const { dryRun = false } = flags
  const clean = (storage: Storage) => cleanUp(storage, given, flags)
  const report = dryRun
    ? await withSource(flags.data, undefined, (_, copy) => clean(copy as Storage))
    : await clean(await openLevelStorage({ location: flags.data }))
  const exitCode = report.complete && report.problems.length === 0 ? 0 : 1
  return { text: flags.json ? jsonText(report, dryRun) : reportText(report, dryRun), exitCode }
}

/** Closes the storage. */
async function cleanUp(
  storage: Storage,
  given: Rules,
  flags: CleanupFlags,
): Promise<CleanupReport> {
  const { dryRun = false, archive: location, actor } = flags
  const replica = await openReplica({ actor, storage })
  replica.on('warning', ({ code, message }) => {
    log({ level: 'warn', event: 'cleanup-warning', code, message })
  })
  try {
    const partitions = await partitionsOf(storage, await namedBy(replica, given))
    return await withArchive(location, dryRun, async archive => {
      const options: CleanerOptions = { partitions, rules: given, ...(archive && { archive }) }
      const cleaner = await openCleaner(replica, options)
      try {
        return await act(cleaner, flags)
      } finally {
        await cleaner.close()
      }
    })
  } finally {
    await replica.close() // all is on the disk then
  }
}

function act(cleaner: Cleaner, flags: CleanupFlags): Promise<CleanupReport> {
  if (flags.dryRun) return cleaner.plan()
  return cleaner.run({ operationsMax: flags.operations, millisecondsMax: flags.milliseconds })
}

/** To show what would go, nothing is made where the archive would be. */
async function withArchive<Result>(
  location: string | undefined,
  dryRun: boolean,
  use: (archive: Layer | undefined) => Promise<Result>,
): Promise<Result> {
  if (location === undefined) return use(undefined)
  const archive = dryRun ? new MemoryLayer() : await openArchiveLayer({ location })
  try {
    return await use(archive)
  } finally {
    await archive.close()
  }
}

/** The partitions that rules name, those given and those that the directory holds. */
async function namedBy(replica: Replica, given: Rules): Promise<Set<string>> {
  const stored = await replica.open(globalScope, Retention)
  const rules = [...Object.values(given), ...[...stored.entries()].map(([, rule]) => rule)]
  stored.close()
  // They are not checked yet, so that they may be anything.
  const names = rules.flatMap(rule => {
    const { partition, parent } = Object(rule) as { partition?: unknown; parent?: unknown }
    return [partition, parent].filter(name => typeof name === 'string')
  })
  return new Set(names)
}

/**
 * The partitions that a directory holds, as cleanup has to know them. Policies are not stored, but
 * whether a document is registers or a log is told by its roots; and what is read of keys that are not
 * in conflict, and others are not touched, is the same under all policies of registers.
 */
async function partitionsOf(
  storage: Storage,
  named: ReadonlySet<string>,
): Promise<AnyPartitionDefinition[]> {
  const documents = new Map<string, string[]>()
  for (const name of await storage.documents()) {
    const partition = isDocumentName(name) ? splitDocumentName(name)?.partition : undefined
    if (partition === undefined) continue // a stock client's
    const known = documents.get(partition)
    if (known === undefined) documents.set(partition, [name])
    else known.push(name)
  }
  const found: AnyPartitionDefinition[] = []
  for (const [name, stored] of documents) {
    if (name === Retention.name) continue
    if (isBook(name, documents) && !named.has(name)) continue
    const policy = await policyOf(storage, stored)
    if (policy === 'log') found.push(definePartition<unknown, 'log'>({ name, policy }))
    else if (policy) found.push(definePartition<unknown, typeof policy>({ name, policy }))
  }
  return found
}

/** Whether a partition is the audit trail, the versions or the schema of another one. */
function isBook(name: string, all: ReadonlyMap<string, unknown>): boolean {
  const bookNames = [auditName, versionsName, schemaName]
  return [...all.keys()].some(of => bookNames.some(book => book(of) === name))
}

/** Told by the first of a partition's documents that has something in it. */
async function policyOf(
  storage: Storage,
  documents: readonly string[],
): Promise<'log' | 'last-write-wins' | undefined> {
  for (const name of documents) {
    const { updates } = await storage.load(name)
    const kind = kindOf(docOf(updates.map(({ update }) => update)))
    if (kind === 'empty') continue
    if (kind === 'log') return 'log'
    return kind === 'registers' ? 'last-write-wins' : undefined
  }
  return undefined
}

async function readRules(path: string): Promise<Rules> {
  try {
    const rules: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (typeof rules === 'object' && rules !== null && !Array.isArray(rules)) return rules as Rules
  } catch (cause) {
    const why = `${path} cannot be read as JSON: ${(cause as Error).message}`
    throw new StatemeshError('OPTION_INVALID', why, { cause })
  }
  throw new StatemeshError('OPTION_INVALID', `${path} is no object of rules by their names`)
}

function jsonText(report: CleanupReport, dryRun: boolean): string {
  const problems = report.problems.map(({ code, message }) => ({ code, message }))
  return JSON.stringify({ dryRun, ...report, problems }, null, 2)
}

function reportText({ items, count, complete, problems }: CleanupReport, dryRun: boolean): string {
  const rows = items.map(item => {
    return [item.rule, item.document, item.does, item.count, item.keys.join(', ') || undefined]
  })
  const head = ['rule', 'document', 'does', 'count', 'keys such as']
  const table = rows.length === 0 ? [] : [tableText(head, rows)]
  const said = dryRun ? `${count} would go; nothing was changed` : `${count} are gone`
  const more = complete ? [] : ['the budget ended first; run it again for the rest']
  const wrong = problems.map(({ code, message }) => `${code}: ${message}`)
  return [...table, said, ...more, ...wrong].join('\n')
}
