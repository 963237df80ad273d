/** Values against the schema of their partition. */
import type { z } from 'zod'
import { StatemeshError, toStatemeshError } from '../base/error.ts'

/**
 * The value as the schema gives it, with defaults and without unknown fields; as it is without a
 * schema.
 *
 * @throws VALUE_INVALID
 */
export function parseValue<Value>(schema: z.ZodType<Value> | undefined, value: unknown): Value {
  if (schema === undefined) return value as Value
  let parsed: ReturnType<typeof schema.safeParse>
  try {
    parsed = schema.safeParse(value)
  } catch (thrown) {
    throw toStatemeshError(thrown, 'VALUE_INVALID')
  }
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.map(({ path, message }) => {
    return path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`
  })
  throw new StatemeshError('VALUE_INVALID', issues.join('; '), { cause: parsed.error })
}
