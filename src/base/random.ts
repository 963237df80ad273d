/**
 * The seam of randomness: the only file that may draw random bits. Everything else is given a
 * `RandomSource`, so that a simulation can replay a run from its seed.
 */

export interface RandomSource {
  /** A uniformly distributed integer in [0, 2^32). */
  uint32(): number
}

const pool = new Uint32Array(256)
let drawn = pool.length

/** Cryptographic randomness of the platform, drawn in blocks of 1 kB. */
export const systemRandom: RandomSource = {
  uint32() {
    if (drawn === pool.length) {
      globalThis.crypto.getRandomValues(pool)
      drawn = 0
    }
    const value = pool[drawn] as number
    drawn += 1
    return value
  },
}

/** A uniformly distributed number in [0, 1). */
export function randomFraction(random: RandomSource): number {
  return random.uint32() / 2 ** 32
}

/** The items in an order drawn at random. */
export function shuffled<Item>(items: readonly Item[], random: RandomSource): Item[] {
  return items
    .map(item => ({ item, place: randomFraction(random) }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}

/** A random id: 128 bits as 32 lower-case hexadecimal digits. */
export function randomId(random: RandomSource): string {
  let id = ''
  for (let word = 0; word < 4; word++) id += random.uint32().toString(16).padStart(8, '0')
  return id
}

/**
 * A repeatable source for tests and simulations (splitmix32; not for secrets).
 */
export function seededRandom(seed: number): RandomSource {
  let state = seed >>> 0
  return {
    uint32() {
      state = (state + 0x9e3779b9) >>> 0
      let mixed = state ^ (state >>> 16)
      mixed = Math.imul(mixed, 0x21f0aaad)
      mixed ^= mixed >>> 15
      mixed = Math.imul(mixed, 0x735a2d97)
      return (mixed ^ (mixed >>> 15)) >>> 0
    },
  }
}
