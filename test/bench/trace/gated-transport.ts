/**
 * A transport that hands the updates of others over only when it is told to, one at a time, so that
 * a replica has seen exactly as much as it should. Everything else passes at once.
 */
import { decodeMessage, encodeFrame, type Frame } from '../../../src/protocol/frame.ts'
import type { Link, LinkHandlers, Transport } from '../../../src/transport/transport.ts'

export interface GatedTransport extends Transport {
  /** Bytes that were sent over it. */
  readonly sentBytes: number
  /** Hands over the next update that is held back, as soon as there is one. */
  step(): Promise<void>
}

interface Held {
  readonly isUpdate: boolean
  deliver(): void
}

export function gatedTransport(transport: Transport): GatedTransport {
  const held: Held[] = []
  let arrived: (() => void) | undefined
  let sentBytes = 0

  const gate = (link: Link): Link => ({
    start(handlers: LinkHandlers) {
      link.start({
        message(message) {
          for (const frame of decodeMessage(message)) {
            const deliver = () => handlers.message(encodeFrame(frame))
            if (!isNumbered(frame)) deliver()
            else held.push({ isUpdate: frame.type === 'update', deliver })
          }
          arrived?.()
        },
        close: (code, reason) => handlers.close(code, reason),
      })
    },
    send(message) {
      sentBytes += message.length
      link.send(message)
    },
    get bufferedBytes() {
      return link.bufferedBytes
    },
    pause: () => link.pause(),
    resume: () => link.resume(),
    close: (code, reason) => link.close(code, reason),
  })

  return {
    get sentBytes() {
      return sentBytes
    },
    dial: async (address, options) => gate(await transport.dial(address, options)),
    async step() {
      for (;;) {
        const next = held.shift()
        next?.deliver()
        if (next?.isUpdate) return
        if (next === undefined) {
          await new Promise<void>(resolve => {
            arrived = resolve
          })
        }
      }
    },
  }
}

// A skip stands for updates of the receiver's own, and has to keep its place among the others.
function isNumbered({ type }: Frame): boolean {
  return type === 'update' || type === 'skip'
}
