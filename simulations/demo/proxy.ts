/** The wire between an agent and the relay: a TCP proxy that the demo can cut. */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'

export class RelayProxy {
  readonly #server: Server
  readonly #target: () => number
  readonly #sockets = new Set<Socket>()
  #isCut = false

  /** @param target the port of the relay, asked for at every connection */
  constructor(target: () => number) {
    this.#target = target
    this.#server = createServer(socket => this.#join(socket))
  }

  /** Where the agent dials; known once it listens. */
  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get isCut(): boolean {
    return this.#isCut
  }

  /** Listens on any free port of this machine. */
  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  /** Breaks every connection, and every one that is tried until `mend`. */
  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** Lets connections through again. */
  mend(): void {
    this.#isCut = false
  }

  close(): void {
    this.cut()
    this.#server.close()
  }

  #join(near: Socket): void {
    if (this.#isCut) {
      near.resetAndDestroy()
      return
    }
    const far = connect(this.#target(), '127.0.0.1')
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      // An error is followed by `close`, which is all that matters here.
      socket.on('error', () => undefined)
      socket.once('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    near.pipe(far)
    far.pipe(near)
  }
}
