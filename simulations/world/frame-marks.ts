/** Counts the frames of each kind that were sent, from their tags alone: see PROTOCOL.md. */
import type { Marks } from './marks.ts'

/** Frames whose sending shows that some branch was taken; updates and acks always are. */
const names: { readonly [tag: number]: string } = {
  2: 'frame state',
  4: 'frame skip',
  6: 'frame nack',
  7: 'frame resync',
  8: 'frame close',
  9: 'frame ping',
  22: 'frame announce',
  23: 'frame want',
}

/** Looks at a message of whole frames; one that is malformed is counted as far as it goes. */
export function markFrames(marks: Marks, message: Uint8Array): void {
  let at = 0
  while (at < message.length) {
    let length = 0
    let shift = 0
    let byte = 0x80
    while (byte >= 0x80 && at < message.length && shift < 28) {
      byte = message[at] as number
      length |= (byte & 0x7f) << shift
      shift += 7
      at += 1
    }
    const name = names[message[at] ?? -1]
    if (name !== undefined) marks.hit(name)
    at += Math.max(1, length)
  }
}
