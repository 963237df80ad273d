/** The wire between a replica and the relay: a TCP proxy that can be cut, held, delayed and slowed. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { freeWay, ProxyWay, type WayConditions } from './proxy-way.ts'

export class FaultProxy {
  /** What goes from the replica to the relay, and what comes back; `changed` after a change. */
  readonly there: WayConditions = freeWay()
  readonly back: WayConditions = freeWay()
  /** Whether a fault has hold of `there` or `back`. */
  isStruck = false
  readonly #server: Server
  readonly #target: () => number
  readonly #sockets = new Set<Socket>()
  readonly #ways = new Set<ProxyWay>()
  #isCut = false

  /** @param target the port of the relay, asked for at every connection */
  constructor(target: () => number) {
    this.#target = target
    this.#server = createServer({ allowHalfOpen: true }, socket => this.#join(socket))
  }

  /** Where the replica dials; known once it listens. */
  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get isCut(): boolean {
    return this.#isCut
  }

  /** What was sent and has not been passed on. */
  get waitingBytes(): number {
    return [...this.#ways].reduce((sum, way) => sum + way.waitingBytes, 0)
  }

  /** Listens on any free port of this machine. */
  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  /** Breaks every connection; answers how many there were. */
  break(): number {
    const broken = this.#sockets.size / 2
    for (const socket of this.#sockets) socket.resetAndDestroy()
    return broken
  }

  /** Breaks every connection, and every one that is tried until `mend`. */
  cut(): void {
    this.#isCut = true
    this.break()
  }

  /** Lets connections through again. */
  mend(): void {
    this.#isCut = false
  }

  /** Takes the changes of `there` and `back` to what is under way. */
  changed(): void {
    for (const way of this.#ways) way.pump()
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
    const far = connect({ port: this.#target(), host: '127.0.0.1', allowHalfOpen: true })
    const ways = [new ProxyWay(near, far, this.there), new ProxyWay(far, near, this.back)]
    for (const way of ways) this.#ways.add(way)
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
        for (const way of ways) way.stop()
        for (const way of ways) this.#ways.delete(way)
        other.destroy()
      })
    }
  }
}
