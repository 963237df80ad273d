/** Gives the errors of a database our codes. */
import { type ErrorCode, StatemeshError } from '../base/error.ts'

/** Runs `action`; what it throws gets the code that fits it. */
export async function attempt<Result>(
  what: string,
  codeOf: (thrown: unknown) => ErrorCode,
  action: () => Promise<Result>,
): Promise<Result> {
  try {
    return await action()
  } catch (thrown) {
    if (thrown instanceof StatemeshError) throw thrown
    const code = codeOf(thrown)
    const cause = rootCause(thrown)
    const why = cause instanceof Error ? cause.message || cause.name : String(cause)
    throw new StatemeshError(code, `could not ${what}: ${why}`, { cause: thrown })
  }
}

function rootCause(thrown: unknown): unknown {
  return thrown instanceof Error && thrown.cause instanceof Error ? rootCause(thrown.cause) : thrown
}
