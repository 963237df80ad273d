/**
 * Updates that carry their number as text, so that a reader knows how far it has come from the
 * bytes alone, whatever dialect they are in and even if a server has merged them.
 *
 * Each sets a key of its own in one map. They are written here and not by Yjs, which takes longer
 * to make some than a relay to handle them.
 */
import * as encoding from 'lib0/encoding'

const digits = 8
const sign = '#'.charCodeAt(0)
const end = ';'.charCodeAt(0)
/** `#00000001;` */
const markBytes = digits + 2

export const mapName = 'entries'

/** The key that an update sets, and to what. */
export function numberedKey(number: number): string {
  return `k${number}`
}

export function numberedValue(number: number): string {
  return `#${String(number).padStart(digits, '0')};`
}

// Yjs's encoding of an item with a key and no neighbours, and of content that is plain values.
const itemWithKey = 0x20
const plainValues = 8
const parentIsRoot = 1

/**
 * A writer's update with a number, from 1: about 40 bytes, or as many more as `padding` has
 * characters. Each builds on those before it.
 */
export function numberedUpdate(clientID: number, number: number, padding: string = ''): Uint8Array {
  return encoding.encode(encoder => {
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarUint(encoder, clientID)
    encoding.writeVarUint(encoder, number - 1)
    encoding.writeUint8(encoder, itemWithKey | plainValues)
    encoding.writeVarUint(encoder, parentIsRoot)
    encoding.writeVarString(encoder, mapName)
    encoding.writeVarString(encoder, numberedKey(number))
    encoding.writeVarUint(encoder, 1)
    encoding.writeAny(encoder, `${numberedValue(number)}${padding}`)
    encoding.writeVarUint(encoder, 0)
  })
}

/** Finds the highest number in a stream of bytes. */
export class NumberScanner {
  /** The highest number so far. */
  highest = 0
  #tail: Buffer = Buffer.alloc(0)

  scan(chunk: Buffer): void {
    const bytes = this.#tail.length > 0 ? Buffer.concat([this.#tail, chunk]) : chunk
    this.#tail = Buffer.from(bytes.subarray(Math.max(0, bytes.length - markBytes + 1)))
    // Numbers only grow, so the last whole one is the highest.
    for (let at = bytes.lastIndexOf(sign); at >= 0; at = bytes.lastIndexOf(sign, at - 1)) {
      if (bytes[at + markBytes - 1] === end) {
        const number = Number(bytes.toString('latin1', at + 1, at + 1 + digits))
        if (Number.isInteger(number)) {
          this.highest = Math.max(this.highest, number)
          return
        }
      }
      if (at === 0) return
    }
  }
}
