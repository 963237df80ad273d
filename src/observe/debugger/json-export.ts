/**
 * Documents as JSON: each with what it says, for people and programs, and with its update, from which
 * it is made again exactly. Without the update (taken out to import changed values, or left out at
 * the export) it is made anew from what it says.
 */
import * as buffer from 'lib0/buffer'
import { z } from 'zod'
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import type { RandomSource } from '../../base/random.ts'
import { parseDocumentName } from '../../model/document-name.ts'
import { checkWholeUpdate } from '../../model/whole-update.ts'
import type { DocumentState } from './document-state.ts'
import type { StateDebugger } from './state-debugger.ts'
import { writeState } from './written-state.ts'

export interface ExportedDocument {
  readonly document: string
  readonly state: DocumentState
  /** The Yjs update (V1), in base64. */
  readonly update?: string
}

export interface JsonExport {
  readonly format: 'statemesh-export'
  readonly version: 1
  readonly documents: readonly ExportedDocument[]
}

export interface ExportOptions {
  /** The documents; all unless given. */
  documents?: readonly string[]
  /** Only what the documents say. */
  valuesOnly?: boolean
}

/** Documents as data for JSON. @throws as `StateDebugger.snapshot` does */
export async function exportJson(
  source: StateDebugger,
  { documents, valuesOnly = false }: ExportOptions = {},
): Promise<JsonExport> {
  const exported: ExportedDocument[] = []
  for (const document of documents ?? (await source.documents())) {
    const { state } = await source.snapshot(document)
    const update = valuesOnly ? {} : { update: buffer.toBase64(await source.update(document)) }
    exported.push({ document, state, ...update })
  }
  return { format: 'statemesh-export', version: 1, documents: exported }
}

const entry = z.object({ value: z.json().optional(), by: z.string(), stamp: z.number() })
const keys = <Value extends z.ZodType>(value: Value) => z.record(z.string(), value)

/** As much as writing relies on; what is within is checked as it is written. */
const state = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('empty') }),
  z.object({
    kind: z.literal('registers'),
    keys: keys(entry.extend({ siblings: z.array(entry).optional() })),
  }),
  z.object({ kind: z.literal('counter'), keys: keys(z.number().nullable()) }),
  z.object({ kind: z.literal('budget'), keys: keys(z.unknown()) }),
  z.object({ kind: z.literal('log'), entries: z.array(entry) }),
  z.object({ kind: z.literal('crdt'), roots: keys(z.looseObject({ type: z.string() })) }),
])

const exportSchema = z.object({
  format: z.literal('statemesh-export'),
  version: z.literal(1),
  documents: z.array(z.object({ document: z.string(), state, update: z.base64().optional() })),
})

/**
 * The updates of exported documents, each whole and checked, by name.
 *
 * @throws OPTION_INVALID for what is no export; DOCUMENT_NAME_INVALID; UPDATE_INVALID; VALUE_INVALID,
 * KEY_INVALID or ID_INVALID for a state without an update that cannot be written
 */
export function readJsonExport(json: unknown, random: RandomSource): Map<string, Uint8Array> {
  const parsed = exportSchema.safeParse(json)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const where = issue?.path.join('.') || 'the whole'
    throw new StatemeshError('OPTION_INVALID', `not an export: ${where}: ${issue?.message}`)
  }
  const updates = new Map<string, Uint8Array>()
  for (const { document, state: said, update } of parsed.data.documents) {
    const name = parseDocumentName(document)
    if (updates.has(name)) throw new StatemeshError('OPTION_INVALID', `${name} is there twice`)
    updates.set(name, updateOf(name, said as unknown as DocumentState, update, random))
  }
  return updates
}

function updateOf(
  name: string,
  said: DocumentState,
  update: string | undefined,
  random: RandomSource,
): Uint8Array {
  try {
    if (update !== undefined) return checkWholeUpdate(buffer.fromBase64(update))
    return checkWholeUpdate(writeState(said, random))
  } catch (thrown) {
    const { code, message } = toStatemeshError(thrown, 'VALUE_INVALID')
    throw new StatemeshError(code, `${name}: ${message}`, { cause: thrown })
  }
}
