/** The messages of a process: what may be one, which handler it is for, and what says that it failed. */
import { StatemeshError } from '../base/error.ts'
import { checkId } from '../model/id.ts'
import type { LogEntry } from '../partition/log/log-partition.ts'
import type {
  AnyMessageHandler,
  ProcessMessage,
  Reply,
  SentMessage,
  Tags,
} from './process-definition.ts'

/** @throws VALUE_INVALID for tags that are no texts */
export function checkTags(tags: Tags): void {
  for (const value of Object.values(tags)) {
    if (typeof value !== 'string') throw new StatemeshError('VALUE_INVALID', 'a tag is a text')
  }
}

/** Whether a handler is for a message. */
export function matches<Context>(
  { match }: AnyMessageHandler<Context>,
  message: ProcessMessage,
): boolean {
  if (typeof match === 'function') return match(message)
  const { tags } = message
  return Object.entries(match).every(([name, value]) => {
    return Object.hasOwn(tags, name) && tags[name] === value
  })
}

/** The reply of a message that failed. */
export function failure({ code, message }: StatemeshError): Omit<Reply, 'id'> {
  return { ok: false, data: null, error: { code, message } }
}

/** Undefined for what a stranger put into the log that is no message. */
export function readMessage({
  value,
  actor,
  timestamp,
}: LogEntry<SentMessage>): ProcessMessage | undefined {
  const { id, tags, data } = (value ?? {}) as Partial<SentMessage>
  try {
    checkId(id, 'a message id')
  } catch {
    return undefined
  }
  if (typeof tags !== 'object' || tags === null || data === undefined) return undefined
  return Object.freeze({ id: id as string, from: actor, tags, data, timestamp })
}
