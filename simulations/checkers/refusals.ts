/** Honest replicas are never refused for what they send, and nothing inside the relay fails. */
import type { RelayEvent } from '../../server/relay-options.ts'
import type { StatemeshError } from '../../src/base/error.ts'
import { Violation } from './violation.ts'

/** An enemy that nobody asks for a token may say that it is anybody, and signs it to be known by us. */
export const enemyName = 'enemy'

/** What only a bug, or an enemy, brings about. */
const blaming: ReadonlySet<string> = new Set([
  'UPDATE_INVALID',
  'FRAME_INVALID',
  'ENTRY_INVALID',
  'ENTRY_FORGED',
  'DOCUMENT_NAME_INVALID',
  'ROOT_MISMATCH',
])

/** @throws Violation for an event of the relay that should not be */
export function checkRelayEvent(event: RelayEvent, hostile: boolean): void {
  const { event: what, code = '', message = '' } = event
  const blamed = what === 'rejected' && blaming.has(String(code)) && !hostile
  if (what !== 'failure' && !blamed) return
  throw new Violation('refusals', `the relay says ${what} ${code} ${message}`)
}

/** @throws Violation for a refusal that an honest replica should never get, or give where none is hostile */
export function checkRefusal(
  where: string,
  document: string,
  error: StatemeshError,
  hostile = false,
): void {
  if (!blaming.has(error.code) || hostile) return
  throw new Violation('refusals', `${where}, ${document}: ${error.code} ${error.message}`)
}
