/**
 * The view of a projection, with what undoes the latest events, so that one which arrives late can
 * be put in its place without folding everything again.
 *
 * P1. The view is what the rules make of the events up to `position`, in their order.
 * P2. An event whose rule throws leaves the view as it was and is kept as a problem: the same on
 *     every replica, since rules are functions of view and event.
 */
import { StatemeshError } from '../../base/error.ts'
import { decodeValue, encodeValue, handOut, type StoredValue } from '../../model/value.ts'
import { comparePositions, type LogPosition } from '../../partition/log/log-entry.ts'
import type { ProjectionView } from './projection-definition.ts'

/** An event that the rules could not apply. */
export interface ProjectionProblem {
  readonly position: LogPosition
  /** PROJECTION_FAILED, or why a value could not be stored. */
  readonly error: StatemeshError
}

/** What an event has changed: by key, what was there before. */
interface Step {
  readonly position: LogPosition
  readonly before: ReadonlyMap<string, StoredValue | undefined>
  readonly failed: boolean
}

/** How many events can be taken back; the memory for them is that of what they changed. */
const stepsMax = 1024

export class ProjectionState<Value> {
  readonly #values: Map<string, StoredValue>
  #steps: Step[] = []
  #problems: ProjectionProblem[] = []
  #position: LogPosition | undefined
  #count: number
  /** Events up to here cannot be taken back. */
  #floor: LogPosition | undefined

  /** @param start what the first `count` events, up to `position`, have made */
  constructor(start?: ProjectionStart) {
    this.#values = new Map(start?.values)
    this.#problems = [...(start?.problems ?? [])]
    this.#position = start?.position
    this.#floor = start?.position
    this.#count = start?.count ?? 0
  }

  /** The last event that was folded in. */
  get position(): LogPosition | undefined {
    return this.#position
  }

  /** How many entries of the log were folded in. */
  get count(): number {
    return this.#count
  }

  get size(): number {
    return this.#values.size
  }

  get problems(): readonly ProjectionProblem[] {
    return this.#problems
  }

  keys(): IterableIterator<string> {
    return this.#values.keys()
  }

  get(key: string): Value | undefined {
    const stored = this.#values.get(key)
    return stored === undefined ? undefined : (handOut(stored) as Value)
  }

  /** Folds an event in that stands behind all others. Without a rule it only counts. */
  apply(position: LogPosition, rule: ((view: ProjectionView<Value>) => void) | undefined): void {
    const before = new Map<string, StoredValue | undefined>()
    let failed = false
    if (rule !== undefined) {
      const stage = { open: true }
      try {
        const answer: unknown = rule(this.#view(before, stage))
        if (typeof (answer as { then?: unknown } | undefined)?.then === 'function') {
          throw new Error('a rule cannot be asynchronous')
        }
      } catch (cause) {
        failed = true
        this.#restore(before)
        before.clear()
        this.#problems.push(Object.freeze({ position, error: failure(position, cause) }))
      } finally {
        stage.open = false
      }
    }
    this.#steps.push({ position, before, failed })
    this.#position = position
    this.#count += 1
    // In blocks, since taking from the front moves everything behind it.
    if (this.#steps.length >= 2 * stepsMax) {
      this.#steps = this.#steps.slice(-stepsMax)
      this.#floor = this.#steps[0]?.position
    }
  }

  /** Takes back every event that stands behind `position`; false if they are too many for that. */
  rewind(position: LogPosition): boolean {
    if (this.#floor !== undefined && comparePositions(position, this.#floor) < 0) return false
    for (let step = this.#steps.at(-1); step !== undefined; step = this.#steps.at(-1)) {
      if (comparePositions(step.position, position) <= 0) break
      this.#steps.pop()
      this.#restore(step.before)
      if (step.failed) this.#problems.pop()
      this.#count -= 1
      this.#position = this.#steps.at(-1)?.position ?? this.#floor
    }
    return true
  }

  #restore(before: ReadonlyMap<string, StoredValue | undefined>): void {
    for (const [key, stored] of before) {
      if (stored === undefined) this.#values.delete(key)
      else this.#values.set(key, stored)
    }
  }

  #view(
    before: Map<string, StoredValue | undefined>,
    stage: { readonly open: boolean },
  ): ProjectionView<Value> {
    const note = (key: string) => {
      if (!stage.open) throw new StatemeshError('CLOSED', 'the event was applied')
      if (typeof key !== 'string' || key === '') {
        throw new StatemeshError('KEY_INVALID', 'a key must be a non-empty string')
      }
      if (!before.has(key)) before.set(key, this.#values.get(key))
    }
    return {
      get: key => this.get(key),
      set: (key, value) => {
        const stored = decodeValue(encodeValue(value))
        note(key)
        this.#values.set(key, stored)
      },
      delete: key => {
        note(key)
        this.#values.delete(key)
      },
    }
  }
}

/** What a fold may begin with instead of nothing. */
export interface ProjectionStart {
  readonly values: ReadonlyMap<string, StoredValue>
  readonly problems: readonly ProjectionProblem[]
  readonly position: LogPosition
  readonly count: number
}

function failure({ writer, seq }: LogPosition, cause: unknown): StatemeshError {
  if (cause instanceof StatemeshError) return cause
  const why = cause instanceof Error ? cause.message : String(cause)
  return new StatemeshError('PROJECTION_FAILED', `event ${seq} of writer ${writer}: ${why}`, {
    cause,
  })
}
