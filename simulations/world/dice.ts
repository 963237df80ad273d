/** Draws of the kinds that worlds, workloads and faults need, from one random source. */
import { type RandomSource, randomFraction, seededRandom } from '../../src/base/random.ts'

export class Dice {
  readonly source: RandomSource

  constructor(source: RandomSource) {
    this.source = source
  }

  /** Dice of their own, whose draws depend only on how often `fork` was called before. */
  fork(): Dice {
    return new Dice(seededRandom(this.source.uint32()))
  }

  /** An integer in [0, end). */
  below(end: number): number {
    return this.source.uint32() % end
  }

  /** A number in [low, high). */
  between(low: number, high: number): number {
    return low + randomFraction(this.source) * (high - low)
  }

  /** True with a probability. */
  chance(probability: number): boolean {
    return randomFraction(this.source) < probability
  }

  /** Exponentially distributed: the wait for something that happens every `mean` on average. */
  wait(mean: number): number {
    return -Math.log(1 - randomFraction(this.source)) * mean
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item
  }

  /** The items in a random order. */
  shuffled<Item>(items: readonly Item[]): Item[] {
    const left = [...items]
    const drawn: Item[] = []
    while (left.length > 0) drawn.push(...left.splice(this.below(left.length), 1))
    return drawn
  }
}
