/** Files of figures, which gather what several invocations found. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { StatemeshError } from '../../src/base/error.ts'
import { profileNames } from '../run/profile.ts'
import { emptyFigures, type Figures } from './figures.ts'

const count = z.number().int().min(0)
const counts = z.record(z.string(), count)
const sums = { operations: count, acked: count, survived: count }

const schema: z.ZodType<Figures> = z.object({
  seconds: z.number(),
  profiles: z.record(
    z.string(),
    z.object({
      ...sums,
      seeds: count,
      events: count,
      failed: count,
      marks: counts,
      convergence: counts,
    }),
  ),
  topologies: z.record(z.string(), counts).default({}), // older files have none
  done: z.record(z.string(), z.array(z.tuple([count, count]))),
  failures: z.array(z.object({ profile: z.enum(profileNames), seed: count, reason: z.string() })),
  planted: z.array(z.object({ bug: z.string(), seeds: count.optional(), reason: z.string() })),
  fleets: z.array(
    z.object({
      ...sums,
      seed: count,
      replicas: count,
      seconds: z.number(),
      rounds: count,
      faults: counts,
      convergence: z.array(z.number()),
      failures: z.array(z.string()),
    }),
  ),
})

/** @throws OPTION_INVALID where the file is not one of figures */
export function readFigures(file: string): Figures {
  const { data, error } = schema.safeParse(parseJson(file))
  if (data !== undefined) return data
  throw new StatemeshError('OPTION_INVALID', `${file} holds no figures: ${error?.message}`)
}

/** Nothing yet, where the file is not there. @throws OPTION_INVALID as `readFigures` does */
export function readFiguresIfAny(file: string | undefined): Figures {
  return file !== undefined && existsSync(file) ? readFigures(file) : emptyFigures()
}

/** Writes all of it or nothing. */
export function writeFigures(file: string, figures: Figures): void {
  writeFileSync(`${file}.new`, JSON.stringify(figures))
  renameSync(`${file}.new`, file)
}

function parseJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new StatemeshError('OPTION_INVALID', `${file} cannot be read as JSON`, { cause })
  }
}
