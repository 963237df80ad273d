/** Checks the options that users pass: a misspelt or impossible one is refused before anything begins. */
import { z } from 'zod'
import { StatemeshError } from './error.ts'

/** What others check themselves, each with a code of its own or with what it knows. */
export const elsewhere: z.ZodType = z.unknown().optional()

/** What has a method, as far as that tells what it is. */
export function withMethod(name: string, error?: string): z.ZodType {
  const has = (value: unknown) =>
    typeof (value as { [name: string]: unknown } | null | undefined)?.[name] === 'function'
  return z.custom(has, error)
}

/** @throws OPTION_INVALID, which names the option */
export function checkOptions(rules: z.ZodType, options: unknown): void {
  const [issue] = rules.safeParse(options).error?.issues ?? []
  if (issue === undefined) return
  const where = issue.path.length === 0 ? '' : `${issue.path.join('.')}: `
  throw new StatemeshError('OPTION_INVALID', `${where}${issue.message}`)
}
