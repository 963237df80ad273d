/**
 * A machine that runs a stock y-websocket client: y-protocols messages on a socket of its own for one
 * document, which it keeps in memory alone. Its awareness is left out, which has a clock of its own.
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import * as sync from 'y-protocols/sync'
import * as Y from 'yjs'
import type { Link } from '../../src/transport/transport.ts'
import type { Clock } from '../world/clock.ts'
import type { Network } from '../world/network.ts'
import { SimulatedProcess } from '../world/process.ts'
import type { World } from '../world/world.ts'
import type { Evidence } from './evidence.ts'
import { relayAddress } from './relay-node.ts'

export interface StockNodeOptions {
  world: World
  name: string
  clock: Clock
  network: Network
  /** The name of its document, which is the path of its socket. */
  document: string
  evidence: Evidence
}

const messageSync = 0
const messageBytesMax = 64 * 1024 * 1024

export class StockNode {
  readonly name: string
  readonly #options: StockNodeOptions
  readonly #process: SimulatedProcess
  readonly #doc: Y.Doc
  #link: Link | undefined

  constructor(options: StockNodeOptions) {
    const { world, name, clock, document, evidence } = options
    this.#options = options
    this.name = name
    this.#process = new SimulatedProcess(world, name, clock)
    this.#doc = new Y.Doc({ guid: name })
    this.#doc.clientID = this.#process.random.uint32()
    evidence.history.record(document, this.#doc)
    this.#doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== this) this.#send(encoder => sync.writeUpdate(encoder, update))
    })
  }

  get document(): string {
    return this.#options.document
  }

  get doc(): Y.Doc {
    return this.#doc
  }

  start(): void {
    const { network } = this.#options
    const address = `${relayAddress}/${this.document}`
    const dialling = { messageBytesMax, timeoutMilliseconds: 5000 }
    network.transport(this.#process).dial(address, dialling).then(this.#linked, this.#dialLater)
  }

  /** Types somewhere into the text. */
  act(): void {
    const { dice } = this.#options.world
    const text = this.#doc.getText('text')
    const at = dice.below(text.length + 1)
    if (dice.chance(0.3)) text.delete(at, Math.min(text.length - at, 5))
    else text.insert(at, 'stock'.slice(0, 1 + dice.below(5)))
  }

  stop(): void {
    this.#process.kill()
    this.#doc.destroy()
  }

  readonly #dialLater = (): void => {
    this.#link = undefined
    this.#process.time.after(100 + this.#options.world.dice.below(2500), () => this.start())
  }

  readonly #linked = (link: Link): void => {
    this.#link = link
    link.start({ message: this.#receive, close: this.#dialLater })
    this.#send(encoder => sync.writeSyncStep1(encoder, this.#doc))
  }

  readonly #receive = (message: Uint8Array): void => {
    const decoder = decoding.createDecoder(message)
    if (decoding.readVarUint(decoder) !== messageSync) return
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, messageSync)
    sync.readSyncMessage(decoder, encoder, this.#doc, this)
    if (encoding.length(encoder) > 1) this.#link?.send(encoding.toUint8Array(encoder))
    this.#options.world.marks.hit('stock client received')
  }

  #send(write: (encoder: encoding.Encoder) => void): void {
    if (this.#link === undefined) return
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, messageSync)
    write(encoder)
    this.#link.send(encoding.toUint8Array(encoder))
  }
}
