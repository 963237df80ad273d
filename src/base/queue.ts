/** First in, first out, at constant cost: an array's `shift` moves everything behind it. */
import { present } from './assert.ts'

export class Queue<Item> {
  #items: Array<Item | undefined> = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  /** The item at a distance from the front; it must exist. */
  at(index: number): Item {
    return present(this.#items[this.#head + index], 'beyond the end of the queue')
  }

  /** Takes the item at the front; undefined from an empty queue. */
  shift(): Item | undefined {
    if (this.length === 0) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head] = undefined
    this.#head += 1
    // An empty one keeps no memory.
    if (this.#head === this.#items.length) {
      this.#items.length = 0
      this.#head = 0
    }
    // Moving at most as many items as were taken keeps the cost of each constant.
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }
}
