/**
 * A hybrid logical clock (Kulkarni et al. 2014, "Logical Physical Clocks"): stamps grow along
 * causality and stay close to the wall clock. They order siblings that did not see each other;
 * causality itself never depends on them.
 */
import type { TimeSource } from '../base/time.ts'

declare const stamp: unique symbol
/**
 * Milliseconds since the Unix epoch times 1024, plus a counter: one safe integer (until the year
 * 2248) that compares as a number.
 */
export type HybridTimestamp = number & { readonly [stamp]: true }

const countersPerMillisecond = 1024

/** The wall-clock part of a stamp, in milliseconds since the Unix epoch. */
export function timestampMilliseconds(timestamp: HybridTimestamp): number {
  return Math.floor(timestamp / countersPerMillisecond)
}

/** A stamp from a number read off the wire or disk; undefined if it cannot be one. */
export function parseTimestamp(value: unknown): HybridTimestamp | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0
    ? (value as HybridTimestamp)
    : undefined
}

export interface HybridClockOptions {
  time: TimeSource
  /**
   * How far ahead of our wall clock a foreign stamp may be and still be followed, in
   * milliseconds. One minute is far beyond what synchronised machines drift, and near enough
   * that a wrong clock is noticed. Default 60,000.
   */
  driftMillisecondsMax?: number
}

export class HybridClock {
  readonly #time: TimeSource
  readonly #driftMax: number
  #last = 0
  /** In stamps; the largest since `takeLead`. */
  #lead = 0

  constructor(options: HybridClockOptions) {
    this.#time = options.time
    this.#driftMax = (options.driftMillisecondsMax ?? 60_000) * countersPerMillisecond
  }

  /** A stamp greater than every one given out or observed before. */
  next(): HybridTimestamp {
    const wall = this.#time.now() * countersPerMillisecond
    this.#last = Math.max(Math.floor(wall), this.#last + 1)
    return this.#last as HybridTimestamp
  }

  /**
   * Takes note of a foreign stamp, so that our next one is greater.
   *
   * @returns false, and our clock stays as it is, if the stamp is further ahead of our wall clock
   * than the drift allows
   */
  observe(timestamp: HybridTimestamp): boolean {
    if (timestamp <= this.#last) return true
    const lead = timestamp - this.#time.now() * countersPerMillisecond
    this.#lead = Math.max(this.#lead, lead)
    if (lead > this.#driftMax) return false
    this.#last = timestamp
    return true
  }

  /**
   * How far a foreign stamp was ahead of our wall clock at most since this was last asked, in
   * milliseconds: what is seen here of other clocks' skew, and of our own if it is behind.
   */
  takeLead(): number {
    const lead = this.#lead / countersPerMillisecond
    this.#lead = 0
    return lead
  }
}
