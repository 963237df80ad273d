/** The first few of what is found, in an order; what cannot be among them is dropped on the way. */
import { comparePositions, type Order, type Position } from './order.ts'

/** Room for more than is kept, so that sorting is rare. */
const spare = 256

export class BestMatches<Match extends Position> {
  readonly #order: Order
  readonly #limit: number
  #matches: Match[] = []
  /** The last one that can still be in; undefined while there are not enough. */
  #last: Match | undefined

  constructor(order: Order, limit: number = Number.POSITIVE_INFINITY) {
    this.#order = order
    this.#limit = limit
  }

  add(match: Match): void {
    if (this.#last !== undefined && comparePositions(this.#order, match, this.#last) > 0) return
    this.#matches.push(match)
    if (this.#matches.length >= this.#limit + spare + (this.#limit >> 1)) this.#cut()
  }

  take(): readonly Match[] {
    this.#cut()
    return this.#matches
  }

  #cut(): void {
    this.#matches.sort((a, b) => comparePositions(this.#order, a, b))
    if (this.#matches.length < this.#limit) return
    this.#matches.length = this.#limit
    this.#last = this.#matches.at(-1)
  }
}
