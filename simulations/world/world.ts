/**
 * A world: one clock, one queue of events and one random source own everything that happens, so
 * that a seed repeats it to the byte.
 *
 * - W1. Events happen one after another; before the next one, every promise reaction that the last
 *   one caused has run.
 * - W2. Nothing in a world reads another clock or draws from another source.
 */
import { assert, present } from '../../src/base/assert.ts'
import { seededRandom } from '../../src/base/random.ts'
import { atEndOfTurn } from '../../src/base/time.ts'
import { Dice } from './dice.ts'
import { EventQueue } from './event-queue.ts'
import { Marks } from './marks.ts'
import { Trace } from './trace.ts'

export interface WorldOptions {
  seed: number
  /** Whether to keep the story of the run, line by line. */
  told?: boolean
}

/** Between two looks of the event loop at the outside world; a look costs about a microsecond. */
const eventsPerTurn = 1000

/** So many events without time passing mean that something runs in circles. */
const eventsAtOnceMax = 50_000

export class World {
  readonly dice: Dice
  readonly trace: Trace
  readonly marks: Marks = new Marks()
  readonly #queue = new EventQueue()
  #now = 0
  #fired = 0
  #firedAtOnce = 0
  #failure: { readonly thrown: unknown } | undefined
  /** The end of the queue of work outside, while there is some. */
  #outside: Promise<unknown> | undefined

  constructor({ seed, told = false }: WorldOptions) {
    this.dice = new Dice(seededRandom(seed))
    this.trace = new Trace(told)
  }

  /** Simulated milliseconds since the world began. */
  get now(): number {
    return this.#now
  }

  /** How many events have happened. */
  get fired(): number {
    return this.#fired
  }

  /** How many events are ahead. */
  get pending(): number {
    return this.#queue.size
  }

  /** Lets something happen in so many milliseconds; the returned function prevents it. */
  after(milliseconds: number, label: string, fire: () => void): () => void {
    const event = this.#queue.push(this.#now + Math.max(0, milliseconds), label, fire)
    return () => this.#queue.cancel(event)
  }

  /** Resolves in so many milliseconds. */
  sleep(milliseconds: number, label = 'sleep'): Promise<void> {
    return new Promise(resolve => this.after(milliseconds, label, resolve))
  }

  /**
   * Does work that ends outside of the world, such as cryptography on another thread: one after the
   * other, in the order asked for, and time stands still meanwhile.
   */
  outside<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#outside === undefined ? work() : this.#outside.then(work, work)
    const last = done.then(
      () => undefined,
      () => undefined,
    )
    this.#outside = last
    void last.then(() => {
      if (this.#outside === last) this.#outside = undefined
    })
    return done
  }

  /** Ends the run with a failure, from wherever it was found. */
  fail(thrown: unknown): void {
    this.#failure ??= { thrown }
  }

  tell(who: string, what: string): void {
    this.trace.tell(this.#now, who, what)
  }

  /**
   * Lets events happen until `isOver` holds, the time is past `until`, or nothing is ahead.
   *
   * @throws what an event threw, or `fail` was told
   */
  async run(isOver: () => boolean, until: number = Number.POSITIVE_INFINITY): Promise<void> {
    let events = 0
    await eachSettled(() => {
      // The first event waits for nothing outside, so that seeds of before still say the same.
      if (this.#outside !== undefined && events > 0) return this.#outside
      if (this.#failure !== undefined) throw this.#failure.thrown
      if (isOver()) return 'over'
      const due = this.#queue.nextDue()
      if (due === undefined || due > until) {
        this.#waitUntil(until)
        return 'over'
      }
      this.#fireNext()
      events += 1
      if (events % eventsPerTurn === 0) return new Promise<void>(resolve => atEndOfTurn(resolve))
      return undefined
    })
  }

  /**
   * Runs the world until a promise of somebody in it settles.
   *
   * @throws what the promise rejects with, and what `run` throws; fails when nothing more happens
   */
  async settle<Result>(promise: Promise<Result>): Promise<Result> {
    let over = false
    const watched = promise.finally(() => {
      over = true
    })
    watched.catch(() => undefined) // it is awaited below; until then it is not unhandled
    await this.run(() => over)
    assert(over, 'nothing more happens in this world, and a promise is still open')
    return watched
  }

  /** Nothing happens until then; without an end, nothing happens at all any more. */
  #waitUntil(until: number): void {
    if (Number.isFinite(until)) this.#now = Math.max(this.#now, until)
  }

  #fireNext(): void {
    const event = present(this.#queue.shift(), 'an event is ahead')
    this.#firedAtOnce = event.due > this.#now ? 0 : this.#firedAtOnce + 1
    assert(this.#firedAtOnce < eventsAtOnceMax, `runs in circles: ${event.label}`)
    this.#now = Math.max(this.#now, event.due)
    this.#fired += 1
    this.trace.add(this.#now, event.label)
    event.fire()
  }
}

/**
 * Calls `step` until it says that it is over, each time when no promise reaction is left to run, and what the
 * last call answered has resolved. Rejects with what `step` throws.
 *
 * Node takes the next tick after the queue of microtasks has run dry, when it is asked for from within one; an
 * immediate would do the same at ten times the cost.
 */
function eachSettled(step: () => 'over' | Promise<unknown> | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = () => {
      try {
        const answer = step()
        if (answer === 'over') resolve()
        else (answer ?? settled).then(soon, reject)
      } catch (thrown) {
        reject(thrown)
      }
    }
    const soon = () => process.nextTick(next)
    settled.then(soon)
  })
}

const settled = Promise.resolve()
