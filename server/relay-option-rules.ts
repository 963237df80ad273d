/** What is wrong with the options of a relay. */
import { z } from 'zod'
import { checkOptions, elsewhere, withMethod } from '../src/base/option-rules.ts'
import { checkThresholds } from '../src/observe/health/thresholds.ts'
import { defaultRelayLimits, type RelayOptions } from './relay-options.ts'

const limit = z.number().nonnegative().optional()
const limits = Object.fromEntries(Object.keys(defaultRelayLimits).map(name => [name, limit]))

const rules = z.strictObject({
  storage: withMethod('append', 'a storage is needed'),
  restored: z.boolean().optional(),
  forward: z.enum(['durable', 'early']).optional(),
  limits: z.strictObject(limits).optional(),
  meter: withMethod('committed', 'a meter, such as a RelayMetrics').optional(),
  discovery: z.boolean().optional(),
  tokens: withMethod('verify', 'a verifier, as tokenVerifier makes it').optional(),
  onEvent: withMethod('call', 'a function').optional(),
  thresholds: elsewhere,
  compaction: z
    .strictObject({
      updatesMax: z.number().min(1).optional(),
      bytesMax: limit,
      ageMilliseconds: limit,
      pauseMilliseconds: limit,
      mergeLog: withMethod('call', 'a function').optional(),
    })
    .optional(),
  time: elsewhere,
  random: elsewhere,
  memory: elsewhere,
} satisfies Record<keyof RelayOptions, z.ZodType>)

/** @throws OPTION_INVALID, also for an option or a limit that there is not */
export function checkRelayOptions(options: RelayOptions): void {
  checkOptions(rules, options)
  checkThresholds(options.thresholds ?? {})
}
