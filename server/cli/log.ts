/** Logs as lines of JSON on stderr; stdout is for what programs wait for. */
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino'
import { type CancelTimer, systemTime } from '../../src/base/time.ts'
import type { LogLevel } from '../config.ts'

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly event: string
  readonly [field: string]: unknown
}

/**
 * Lines that tell of nothing wrong wait for so long, or until there are so many. When many come at
 * once, a write for each line is up to a sixth of what the join of a large document costs.
 */
const gatherMilliseconds = 100
const gatheredLengthMax = 16 * 1024

// Synchronous: what is logged last, before a crash, matters most.
const stderr: DestinationStream = destination({ fd: 2, sync: true })

let gathered = ''
let cancelFlush: CancelTimer | undefined

const gathering: DestinationStream = {
  write(line) {
    gathered += line
    if (gathered.length >= gatheredLengthMax) flush()
    else cancelFlush ??= systemTime.after(gatherMilliseconds, flush)
  },
}

function flush(): void {
  cancelFlush?.()
  cancelFlush = undefined
  if (gathered === '') return
  const lines = gathered
  gathered = ''
  stderr.write(lines)
}

process.on('exit', flush)

const logger: Logger = pino(
  {
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: level => ({ level }) },
  },
  gathering,
)

export function log({ level, ...fields }: LogLine): void {
  logger[level](fields)
  if (level !== 'info') flush()
}

export function setLogLevel(level: LogLevel): void {
  logger.level = level
}
