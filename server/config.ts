/**
 * The configuration of a relay process: one schema for its flags, its environment and its file, with
 * every default. Flags win over the environment, and that over the file.
 */
import { z } from 'zod'
import { StatemeshError } from '../src/base/error.ts'
import type { Thresholds } from '../src/observe/health/thresholds.ts'
import { thresholdList } from './health-thresholds.ts'
import {
  defaultRelayLimits,
  type Forwarding,
  limitReasons,
  type RelayLimits,
} from './relay-options.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

export interface RelayConfig {
  host: string
  port: number
  data: string
  restored: boolean
  forward: Forwarding
  insecure: boolean
  discovery: boolean
  origins: readonly string[] | undefined
  addressHeader: string | undefined
  tokenSecret: string | undefined
  tokenSecretFile: string | undefined
  tokenKeys: string | undefined
  tokenIssuer: string | undefined
  tokenAudience: string | undefined
  logLevel: LogLevel
  /** Instead of the defaults, signal by signal. */
  thresholds: Thresholds | undefined
  limits: RelayLimits
}

/** One setting, as the command line and the README show it. */
export interface ConfigOption {
  readonly name: string
  readonly flag: string
  readonly environment: string
  readonly default: string | number | boolean | undefined
  readonly what: string
  /** Whether the flag stands alone, without a value. */
  readonly isSwitch: boolean
}

type Settings = { readonly [name: string]: unknown }

/** Where settings come from; values from flags and the environment are text. */
export interface ConfigSources {
  flags?: Settings
  environment?: Readonly<Record<string, string | undefined>>
  file?: unknown
}

const wholeNumber = z
  .union([z.number(), z.string().regex(/^\d+$/).transform(Number)], 'not a whole number')
  .pipe(z.number().int().min(0).max(Number.MAX_SAFE_INTEGER))
const text = z.string().min(1)
const yesOrNo = z.union(
  [z.boolean(), z.enum(['true', 'false']).transform(value => value === 'true')],
  'neither true nor false',
)
const list = z.union([
  z.array(text),
  z.string().transform(value => value.split(',').map(item => item.trim())),
])

const settings = {
  host: text.default('127.0.0.1').describe('The address to listen on'),
  port: wholeNumber
    .refine(port => port <= 65_535, 'a port is a number from 0 to 65535')
    .default(4100)
    .describe('The port to listen on, 0 for any free one'),
  data: text.default('./relay-data').describe('The directory of the database'),
  restored: yesOrNo
    .default(false)
    .describe('The database comes from a backup: replicas bring what it lacks, also what it acked'),
  forward: z
    .enum(['durable', 'early'])
    .default('durable')
    .describe('When updates are passed on: when they are durable, or early; acks wait anyway'),
  insecure: yesOrNo
    .default(false)
    .describe('Listen beyond this machine although no tokens are asked for'),
  discovery: yesOrNo
    .default(false)
    .describe('Tell replicas that ask for it where others listen, so that they also link directly'),
  origins: list
    .optional()
    .describe('Origins of pages that browsers may connect from, with commas between them'),
  addressHeader: text
    .optional()
    .describe('A header in which a proxy, which alone can reach the relay, names the client'),
  tokenSecret: text
    .optional()
    .describe('The secret that tokens are signed with; no flag, since others can read those'),
  tokenSecretFile: text.optional().describe('A file with that secret'),
  tokenKeys: text
    .optional()
    .describe('A file or https address of a JWK set, for tokens that are signed with key pairs'),
  tokenIssuer: text.optional().describe('The issuer that tokens must have'),
  tokenAudience: text.optional().describe('The audience that tokens must have'),
  logLevel: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('What is logged: debug, info, warn, error or silent'),
  thresholds: thresholdList
    .optional()
    .describe(
      'When figures of /health are worth an alert, with commas between: signal=warning:critical or signal=off',
    ),
}

const limitNames = Object.keys(defaultRelayLimits) as (keyof RelayLimits)[]
const limits = Object.fromEntries(
  limitNames.map(name => [
    name,
    wholeNumber.default(defaultRelayLimits[name]).describe(limitReasons[name]),
  ]),
)

const schema = z.strictObject({ ...settings, ...limits })

const switches: ReadonlySet<z.ZodType> = new Set([
  settings.insecure,
  settings.restored,
  settings.discovery,
])

/** Every setting, in the order of the schema. */
export const configOptions: readonly ConfigOption[] = Object.entries(schema.shape).map(
  ([name, field]) => ({
    name,
    flag: `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`,
    environment: `STATEMESH_${name.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()}`,
    default: defaultOf(field),
    what: field.description ?? '',
    isSwitch: switches.has(field),
  }),
)

function defaultOf(field: z.ZodType): ConfigOption['default'] {
  const { success, data } = field.safeParse(undefined)
  return success ? (data as ConfigOption['default']) : undefined
}

/**
 * Puts a configuration together.
 *
 * @throws OPTION_INVALID that names every setting that is wrong
 */
export function readConfig({
  flags = {},
  environment = {},
  file = {},
}: ConfigSources): RelayConfig {
  if (typeof file !== 'object' || file === null || Array.isArray(file)) {
    throw new StatemeshError('OPTION_INVALID', 'the configuration file is no JSON object')
  }
  const given = Object.fromEntries(
    configOptions.flatMap(option => {
      const value = environment[option.environment]
      return value === undefined || value === '' ? [] : [[option.name, value]]
    }),
  )
  const parsed = schema.safeParse({ ...file, ...given, ...flags })
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(({ path, message }) => [...path, message].join(': '))
    throw new StatemeshError('OPTION_INVALID', wrong.join('; '), { cause: parsed.error })
  }
  const all = parsed.data as unknown as Omit<RelayConfig, 'limits'> & RelayLimits
  const { host, port, data, restored, forward, insecure, discovery } = all
  const { origins, addressHeader, logLevel, thresholds } = all
  const { tokenSecret, tokenSecretFile, tokenKeys, tokenIssuer, tokenAudience } = all
  return {
    ...{ host, port, data, restored, forward, insecure, discovery },
    ...{ origins, addressHeader, logLevel, thresholds },
    ...{ tokenSecret, tokenSecretFile, tokenKeys, tokenIssuer, tokenAudience },
    limits: Object.fromEntries(limitNames.map(name => [name, all[name]])) as unknown as RelayLimits,
  }
}
