/** How many connections each address has. */

export class AddressCounter {
  readonly #countMax: number
  readonly #counts = new Map<string, number>()

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  /** Counts a connection; false, and not counted, if the address has as many as it may. */
  enter(address: string): boolean {
    const key = networkOf(address)
    const count = this.#counts.get(key) ?? 0
    if (count >= this.#countMax) return false
    this.#counts.set(key, count + 1)
    return true
  }

  leave(address: string): void {
    const key = networkOf(address)
    const count = this.#counts.get(key) ?? 0
    if (count > 1) this.#counts.set(key, count - 1)
    else this.#counts.delete(key)
  }
}

/** An IPv4 address as it is; of an IPv6 address the first 64 bits, which one customer has alone. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(address)?.[1]
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address
  const [head = '', tail] = address.replace(/%.*$/, '').split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  const groups = [...before, ...Array<string>(zeros).fill('0'), ...after]
  return `${groups
    .slice(0, 4)
    .map(group => group.replace(/^0+(?=.)/, ''))
    .join(':')
    .toLowerCase()}::/64`
}
