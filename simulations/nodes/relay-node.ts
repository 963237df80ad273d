/** The machine that runs the relay. */
import type * as Y from 'yjs'
import { createRelay, type Relay } from '../../server/relay.ts'
import { defaultRelayLimits, type Forwarding } from '../../server/relay-options.ts'
import { StatemeshError } from '../../src/base/error.ts'
import type { TimeSource } from '../../src/base/time.ts'
import { subprotocol } from '../../src/protocol/frame.ts'
import { mergeLog } from '../../src/storage/merge-log.ts'
import type { Storage } from '../../src/storage/storage.ts'
import type { TokenVerifier } from '../../src/trust/token.ts'
import { checkNothingLeft } from '../checkers/bounds.ts'
import { checkRelayEvent } from '../checkers/refusals.ts'
import { liveClocks } from '../oracle/document-clocks.ts'
import { LoggedDocuments } from '../oracle/logged-documents.ts'
import type { Clock } from '../world/clock.ts'
import type { Disk } from '../world/disk.ts'
import { addressPrefix, type Network } from '../world/network.ts'
import { SimulatedProcess } from '../world/process.ts'
import type { World } from '../world/world.ts'
import type { Evidence } from './evidence.ts'

export interface RelayNodeOptions {
  world: World
  clock: Clock
  disk: Disk
  network: Network
  /** A log with so many updates is compacted. */
  compactionUpdates: number
  compactionPauseMilliseconds: number
  /** How long merging a log takes: a real relay does it on another thread. */
  mergeMilliseconds: number
  roomIdleMilliseconds: number
  forward: Forwarding
  /** Whether somebody in the world sends what an honest replica would not. */
  hostile: boolean
  evidence: Evidence
  /** Checks tokens, where they are asked for. */
  verifier?: ((time: TimeSource) => TokenVerifier) | undefined
}

export const relayName = 'relay'
export const relayAddress: string = addressPrefix + relayName

export class RelayNode {
  readonly name: string = relayName
  readonly disk: Disk
  readonly clock: Clock
  readonly #options: RelayNodeOptions
  readonly #world: World
  readonly #logged = new LoggedDocuments()
  #process: SimulatedProcess | undefined
  #running: { relay: Relay; storage: Storage } | undefined

  constructor(options: RelayNodeOptions) {
    this.#options = options
    this.disk = options.disk
    this.clock = options.clock
    this.#world = options.world
  }

  get isUp(): boolean {
    return this.#running !== undefined
  }

  get process(): SimulatedProcess | undefined {
    return this.#process
  }

  start(): void {
    if (this.#process !== undefined) return
    const process = new SimulatedProcess(this.#world, this.name, this.#options.clock)
    this.#process = process
    this.#open(process).catch(thrown => {
      if (!(thrown instanceof StatemeshError)) return this.#world.fail(thrown)
      this.#world.marks.hit('start fails')
      this.#end(process)
      this.#world.after(500, 'start again', () => this.start())
    })
  }

  /** The machine loses power. */
  crash(): void {
    if (this.#process !== undefined) this.#end(this.#process)
    this.checkDisk()
  }

  /** Ends the relay in peace, and lets the process linger until its links have ended. */
  async stop({ lingerMilliseconds = 0 }: { lingerMilliseconds?: number } = {}): Promise<void> {
    const [process, running] = [this.#process, this.#running]
    if (process === undefined || running === undefined) return
    this.#running = undefined
    try {
      await running.relay.close()
      await running.storage.close()
      if (lingerMilliseconds > 0) {
        await this.#world.sleep(lingerMilliseconds)
        checkNothingLeft(process)
      }
    } catch (thrown) {
      if (!(thrown instanceof StatemeshError)) throw thrown
      this.#world.marks.hit('close fails')
    }
    this.#end(process)
  }

  /** Takes a token back; undefined while it is down. */
  revoke(tokenId: string): Promise<void> | undefined {
    return this.#running?.relay.revoke({ tokenId })
  }

  /** A fault took from its disk what was durable there. */
  loseData(): void {
    this.#options.evidence.losses.add(this.name)
  }

  /** @throws Violation where the disk lacks what was acknowledged as durable */
  checkDisk(): void {
    const { durable, losses } = this.#options.evidence
    if (losses.has(this.name)) return // only replicas can bring it back
    for (const document of durable.documents()) {
      durable.check('the disk of the relay', document, liveClocks(this.stored(document)))
    }
  }

  /** A document as it is on its disk; not to be changed. */
  stored(document: string): Y.Doc {
    return this.#logged.of(document, this.disk.log(document))
  }

  async #open(process: SimulatedProcess): Promise<void> {
    const { world, network, roomIdleMilliseconds, forward, hostile, verifier } = this.#options
    const { time, random } = process
    const storage = this.disk.storage(process)
    const relay = await createRelay({
      memory: () => undefined, // the real one would not be the same in every run
      storage,
      ...(verifier && { tokens: verifier(time) }),
      time,
      random,
      limits: { roomIdleMilliseconds },
      compaction: {
        updatesMax: this.#options.compactionUpdates,
        pauseMilliseconds: this.#options.compactionPauseMilliseconds,
        mergeLog: updates => this.#merge(updates, time),
      },
      forward,
      onEvent: event => {
        world.marks.hit(`relay ${event.event}`)
        world.tell(this.name, `${event.event} ${event.code ?? ''} ${event.message ?? ''}`)
        try {
          checkRelayEvent(event, hostile)
        } catch (thrown) {
          world.fail(thrown)
        }
      },
    })
    network.listen(relayAddress, {
      process,
      messageBytesMax: defaultRelayLimits.messageBytesMax,
      // A stock client names no subprotocol, and a document in its path.
      onLink: (link, _, path, token) =>
        relay.accept(link, path === '/' ? { path, subprotocol, token } : { path, token }),
    })
    this.#running = { relay, storage }
    world.tell(this.name, 'is up')
  }

  async #merge(updates: readonly Uint8Array[], time: TimeSource): Promise<Uint8Array> {
    const { mergeMilliseconds } = this.#options
    await new Promise<void>(resolve => time.after(mergeMilliseconds, resolve))
    return mergeLog(updates)
  }

  #end(process: SimulatedProcess): void {
    process.kill()
    if (this.#process !== process) return
    this.#process = undefined
    this.#running = undefined
  }
}
