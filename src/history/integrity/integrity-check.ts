/** Checks of what has to hold over whole partitions, which no single write can be refused for. */

import type { TimeSource } from '../../base/time.ts'
import { timestampMilliseconds } from '../../clock/hybrid-clock.ts'
import type { Sibling } from '../../model/partition-definition.ts'
import type { LogReport } from '../../partition/log/log-partition.ts'
import type { ValidationReport } from './validation.ts'

/** Something that does not hold. */
export interface IntegrityIssue {
  /** What kind of thing: `negative-balance`, `orphan`, one of your own. */
  readonly kind: string
  /** For people. */
  readonly message: string
  /** The key concerned, where there is one. */
  readonly key?: string
  /** What belongs to it: amounts, paths, digests. */
  readonly details?: { readonly [name: string]: unknown }
}

/** A check under its name. It may take its time; what it throws is reported as an issue. */
export interface IntegrityCheck {
  readonly name: string
  run(): Iterable<IntegrityIssue> | Promise<Iterable<IntegrityIssue>>
}

/** What has keys with values: partitions of registers and counters, projections, past views. */
export interface Entries<Value> {
  entries(): Iterable<readonly [string, Value]>
}

/** That what is stored fits its schema. */
export function schemaCheck(name: string, validate: () => ValidationReport): IntegrityCheck {
  return {
    name,
    run: () =>
      validate().violations.map(({ place, path, message, actor }) => {
        return { kind: 'schema', key: place, message, details: { path, actor } }
      }),
  }
}

/** That no amount is negative. */
export function balanceCheck<Value>(
  name: string,
  balances: Entries<Value>,
  amountOf: (value: Value, key: string) => number | bigint,
): IntegrityCheck {
  return {
    name,
    *run() {
      for (const [key, value] of balances.entries()) {
        const amount = amountOf(value, key)
        if (amount >= 0) continue
        const message = `the balance of ${JSON.stringify(key)} is ${amount}`
        yield { kind: 'negative-balance', key, message, details: { amount } }
      }
    },
  }
}

/** That all amounts together are not more than there may be. */
export function supplyCheck<Value>(
  name: string,
  balances: Entries<Value>,
  options: {
    amountOf: (value: Value, key: string) => number | bigint
    /** What there may be; asked at every run. Undefined for no limit. */
    supply: () => number | bigint | undefined
  },
): IntegrityCheck {
  return {
    name,
    *run() {
      const supply = options.supply()
      if (supply === undefined) return
      const total = totalOf(balances, options.amountOf)
      if (total <= supply) return
      const message = `${total} were given out, of ${supply}`
      yield { kind: 'supply-exceeded', message, details: { total, supply } }
    },
  }
}

/** Exact as long as the amounts are integers. */
function totalOf<Value>(
  balances: Entries<Value>,
  amountOf: (value: Value, key: string) => number | bigint,
): number | bigint {
  let whole = 0n
  let rest = 0
  for (const [key, value] of balances.entries()) {
    const amount = amountOf(value, key)
    if (typeof amount === 'bigint' || Number.isSafeInteger(amount)) whole += BigInt(amount)
    else rest += amount
  }
  return rest === 0 ? whole : Number(whole) + rest
}

/** That times in values are there, are times, and are not in the future, nor are the writes' stamps. */
export function timestampCheck<Value>(
  name: string,
  registers: Entries<Value> & { siblings?(key: string): readonly Pick<Sibling, 'timestamp'>[] },
  options: {
    time: TimeSource
    /** The times of a value, in milliseconds since the epoch, by name. */
    timesOf: (value: Value, key: string) => { readonly [name: string]: unknown }
    /** How far ahead a clock may be; 60,000 unless given. */
    driftMilliseconds?: number
  },
): IntegrityCheck {
  const { time, timesOf, driftMilliseconds = 60_000 } = options
  return {
    name,
    *run() {
      const latest = time.now() + driftMilliseconds
      for (const [key, value] of registers.entries()) {
        const written = registers.siblings?.(key).map(({ timestamp }) => timestamp) ?? []
        const stamps = written.map(stamp => timestampMilliseconds(stamp as never))
        const times = Object.entries({ ...timesOf(value, key), written: Math.max(0, ...stamps) })
        for (const [field, at] of times) {
          if (typeof at === 'number' && at >= 0 && at <= latest) continue
          const message = `${field} of ${JSON.stringify(key)} is no time up to now`
          yield { kind: 'invalid-timestamp', key, message, details: { field, at } }
        }
      }
    },
  }
}

/** That no entry of a log is missing, forked or forged; for event stores and logs. */
export function sequenceCheck(name: string, log: { verify(): LogReport }): IntegrityCheck {
  return {
    name,
    run: () =>
      log.verify().problems.map(({ error, writer, seq }) => {
        const kind = error.code === 'LOG_GAP' ? 'sequence-gap' : 'sequence-broken'
        return { kind, message: error.message, details: { code: error.code, writer, seq } }
      }),
  }
}

/** That everything that names a parent has one. */
export function orphanCheck<Value>(
  name: string,
  children: Entries<Value>,
  options: {
    /** The keys that an entry refers to; none for a root. */
    parentsOf: (value: Value, key: string) => Iterable<string>
    hasParent: (key: string) => boolean
  },
): IntegrityCheck {
  return {
    name,
    *run() {
      for (const [key, value] of children.entries()) {
        for (const parent of options.parentsOf(value, key)) {
          if (options.hasParent(parent)) continue
          const message = `${JSON.stringify(key)} refers to ${JSON.stringify(parent)}, which is gone`
          yield { kind: 'orphan', key, message, details: { parent } }
        }
      }
    },
  }
}
