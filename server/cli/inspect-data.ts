/** What `statemesh inspect`, `diff` and `rewind` show. */
import { StatemeshError } from '../../src/base/error.ts'
import type { DocumentSnapshot, StateDebugger } from '../../src/observe/debugger/state-debugger.ts'
import { pathText } from '../../src/observe/debugger/state-diff.ts'
import { readIncarnation } from '../../src/storage/incarnation.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { countText } from './count-text.ts'
import { withSource } from './data-source.ts'
import type { Outcome } from './outcome.ts'
import { problemLines, stateLines } from './state-text.ts'
import { tableText, timeText } from './table.ts'

export interface InspectFlags {
  limit: number
  json?: true
}

export interface DiffFlags extends InspectFlags {
  document?: string
}

export interface RewindFlags extends InspectFlags {
  to?: number
  updates?: number
}

/** @throws OPTION_INVALID, DOCUMENT_UNKNOWN, STORAGE_CORRUPT, STORAGE_UNAVAILABLE */
export function inspectData(
  directory: string,
  document: string | undefined,
  flags: InspectFlags,
): Promise<Outcome> {
  return withSource(directory, document, async (source, storage) => {
    if (document === undefined) return listing(source, storage, flags)
    const snapshot = await source.snapshot(document)
    return outcome(flags, snapshot, () => documentText(snapshot, flags))
  })
}

/** @throws as `inspectData` does */
export function diffData(before: string, after: string, flags: DiffFlags): Promise<Outcome> {
  const { document, limit } = flags
  return withSource(before, document, was =>
    withSource(after, document, async is => {
      const differences = await was.diff(is, document)
      const rows = differences.flatMap(({ document: name, kind, changes }) =>
        kind === 'changed'
          ? changes.map(({ path, kind: what, before: from, after: to }) => {
              return [name, what, pathText(path), from, to]
            })
          : [[name, `document ${kind}`, undefined, undefined, undefined]],
      )
      const head = ['document', 'what', 'where', 'before', 'after']
      const table = () => tableText(head, rows.slice(0, limit)) + moreText(rows.length - limit)
      const text = rows.length === 0 ? () => 'no difference' : table
      return { ...outcome(flags, differences, text), exitCode: rows.length === 0 ? 0 : 1 }
    }),
  )
}

/** @throws as `inspectData` does; OPTION_INVALID too where the document's kind has no times */
export function rewindData(
  directory: string,
  document: string,
  flags: RewindFlags,
): Promise<Outcome> {
  const { to, updates, limit } = flags
  if ((to === undefined) === (updates === undefined)) {
    throw new StatemeshError('OPTION_INVALID', 'say --to <time>, or --updates <count>')
  }
  const moment = to === undefined ? { updates: updates as number } : { time: to }
  return withSource(directory, document, async source => {
    const rewound = await source.rewind(document, moment)
    const { state, basis, unknown, problems, updates: counted } = rewound
    return outcome(flags, { document, ...moment, ...rewound }, () =>
      [
        `${document} as it was${to === undefined ? '' : ` at ${timeText(to)}`}, told by its ${basis}`,
        `from ${counted.taken} of ${counted.stored} stored updates`,
        ...(unknown.length > 0 ? [`not kept any more: ${unknown.join(', ')}`] : []),
        ...problemLines(problems),
        ...stateLines(state, limit),
      ].join('\n'),
    )
  })
}

async function listing(
  source: StateDebugger,
  storage: Storage | undefined,
  flags: InspectFlags,
): Promise<Outcome> {
  const documents: Omit<DocumentSnapshot, 'state'>[] = []
  for (const document of await source.documents()) documents.push(await summaryOf(source, document))
  const store = storage && (await storeOf(storage))
  const rows = documents.map(document => [
    document.document,
    (document as { kind?: string }).kind,
    document.items,
    document.conflicts,
    document.updates,
    document.bytes,
    Object.keys(document.writers).length,
    timeText(document.lastWrite),
    document.problems.length + document.damaged.length,
  ])
  const head = [
    'document',
    'kind',
    'items',
    'conflicts',
    'updates',
    'bytes',
    'writers',
    'last write',
  ]
  return outcome(flags, { ...(store && { store }), documents }, () =>
    [
      ...(store ? storeLines(store) : []),
      tableText([...head, 'problems'], rows.slice(0, flags.limit)) +
        moreText(rows.length - flags.limit),
    ].join('\n'),
  )
}

/** A document that cannot be read does not hide the others. */
async function summaryOf(source: StateDebugger, document: string) {
  try {
    const { state, ...rest } = await source.snapshot(document)
    return { kind: state.kind, ...rest }
  } catch (thrown) {
    if (!(thrown instanceof StatemeshError)) throw thrown
    const { code, message } = thrown
    const nothing = { items: 0, conflicts: 0, updates: 0, bytes: 0, writers: {}, damaged: [] }
    const unknown = { scope: undefined, partition: undefined, lastWrite: undefined }
    const problems = [{ code, message }]
    return { kind: 'unreadable', document, ...nothing, ...unknown, incomplete: true, problems }
  }
}

interface StoreSummary {
  /** Undefined in a database of stock y-leveldb. */
  readonly generation: string | undefined
  /** Whether its last process ended cleanly; false while one runs. */
  readonly clean: boolean | undefined
  /** Documents that the relay is not known to have; of a replica. */
  readonly unsynced: readonly string[]
  /** Damaged updates that were set aside, by their records. */
  readonly damaged: readonly string[]
}

async function storeOf(storage: Storage): Promise<StoreSummary> {
  const incarnation = await readIncarnation(storage)
  const names = async (prefix: string) =>
    [...(await storage.records(prefix)).keys()].map(key => key.slice(prefix.length))
  return {
    generation: incarnation?.generation,
    clean: incarnation?.clean,
    unsynced: await names('unsynced/'),
    damaged: await names('damaged/'),
  }
}

function storeLines({ generation, clean, unsynced, damaged }: StoreSummary): string[] {
  const end = clean === false ? 'in use, or not closed cleanly' : 'closed cleanly'
  return [
    generation === undefined ? 'a database of stock y-leveldb' : `store ${generation}, ${end}`,
    ...(unsynced.length > 0
      ? [`not known at the relay: ${countText(unsynced.length, 'document')}`]
      : []),
    ...(damaged.length > 0 ? [`damaged updates set aside: ${damaged.length}`] : []),
    '',
  ]
}

function documentText(snapshot: DocumentSnapshot, { limit }: InspectFlags): string {
  const { document, state, items, conflicts, updates, bytes, writers, problems } = snapshot
  const { damaged, incomplete, lastWrite } = snapshot
  return [
    `${document}: ${state.kind}, ${countText(items, 'item')}, ${conflicts} in conflict`,
    [
      countText(updates, 'update'),
      countText(bytes, 'byte'),
      countText(Object.keys(writers).length, 'writer'),
    ].join(', '),
    ...(lastWrite === undefined ? [] : [`last write ${timeText(lastWrite)}`]),
    ...(incomplete ? ['some updates wait for others that are missing'] : []),
    ...damaged.map(({ clock, reason }) => `update ${clock} is damaged: ${reason}`),
    ...problemLines(problems),
    '',
    ...stateLines(state, limit),
  ].join('\n')
}

function outcome(flags: InspectFlags, json: unknown, text: () => string): Outcome {
  return { text: flags.json ? JSON.stringify(json, null, 2) : text(), exitCode: 0 }
}

function moreText(count: number): string {
  return count > 0 ? `\n... and ${count} more (--limit, or --json for all)` : ''
}
