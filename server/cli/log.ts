/** Logs as lines of JSON on stderr; stdout is for what programs wait for. */
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino'
import type { LogLevel } from '../config.ts'

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly event: string
  readonly [field: string]: unknown
}

// Synchronous: what is logged last, before a crash, matters most.
const stderr: DestinationStream = destination({ fd: 2, sync: true })

const logger: Logger = pino(
  {
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: level => ({ level }) },
  },
  stderr,
)

export function log({ level, ...fields }: LogLine): void {
  logger[level](fields)
}

export function setLogLevel(level: LogLevel): void {
  logger.level = level
}
