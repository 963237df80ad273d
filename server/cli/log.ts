/** Logs as lines of JSON on stderr; stdout is for what programs wait for. */
import { systemTime } from '../../src/base/time.ts'

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly event: string
  readonly [field: string]: unknown
}

export function log(line: LogLine): void {
  const time = new Date(systemTime.now()).toISOString()
  process.stderr.write(`${JSON.stringify({ time, ...line })}\n`)
}
