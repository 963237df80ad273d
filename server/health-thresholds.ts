/** When figures of `/health` are worth an alert, as it is written in a flag or in the environment. */
import { z } from 'zod'
import type { Threshold } from '../src/observe/health/alarm.ts'
import type { HealthSignal } from '../src/observe/health/health-report.ts'
import { defaultThresholds, type Thresholds } from '../src/observe/health/thresholds.ts'

/** What a relay has readings of; the others are a replica's. */
const signals = [
  'usedBytes',
  'residentBytes',
  'leakBytesPerMinute',
  'errorsPerMinute',
  'corruptions',
  'storageFailing',
  'eventLoopLagMilliseconds',
  'queuedBytes',
  'connections',
  'documents',
] as const satisfies readonly HealthSignal[]

const item = new RegExp(
  `^(${signals.join('|')})=(?:off|(\\d+(?:\\.\\d+)?)?(?::(\\d+(?:\\.\\d+)?))?)$`,
)

/** `queuedBytes=1000:5000` is a warning from 1000 on, critical from 5000 on; `=1000`, `=:5000` or `=off`. */
export const thresholdList: z.ZodType<Thresholds> = z
  .union([z.array(z.string()), z.string().transform(text => text.split(','))])
  .transform((items, context): Thresholds => {
    const thresholds: { [signal: string]: Threshold | undefined } = {}
    for (const text of items.map(one => one.trim())) {
      const [, signal, warning, critical] = item.exec(text) ?? []
      if (signal === undefined || text.endsWith('=')) {
        context.addIssue(`"${text}" is not of the form signal=warning:critical or signal=off`)
        return z.NEVER
      }
      thresholds[signal] = thresholdOf(signal as HealthSignal, warning, critical)
    }
    return thresholds
  })

/** How long a figure has to stay there, and when an alarm ends, is left as it is. */
function thresholdOf(
  signal: HealthSignal,
  warning: string | undefined,
  critical: string | undefined,
): Threshold | undefined {
  if (warning === undefined && critical === undefined) return undefined
  const { warning: _, critical: __, ...durations } = defaultThresholds[signal] ?? {}
  return {
    ...durations,
    ...(warning !== undefined && { warning: Number(warning) }),
    ...(critical !== undefined && { critical: Number(critical) }),
  }
}
