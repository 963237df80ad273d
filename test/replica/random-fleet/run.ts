/**
 * One random run of several replicas and a relay, by its seed: they write, lose their links, their
 * processes and their disks' goodwill; then all is well again, and everybody must hold the same
 * bytes, with every write in them that a flush has promised.
 */
import { createRelay, type Relay } from '../../../server/relay.ts'
import type { DiskImage } from '../../../simulations/world/disk-image.ts'
import { equalBytes } from '../../../src/base/bytes.ts'
import { type RandomSource, seededRandom } from '../../../src/base/random.ts'
import { createMemoryNetwork, type MemoryNetwork } from '../../../src/index.ts'
import { subprotocol } from '../../../src/protocol/frame.ts'
import { mergeLog } from '../../../src/storage/merge-log.ts'
import type { Link } from '../../../src/transport/transport.ts'
import { type ManualTime, manualTime } from '../../support/manual-time.ts'
import { address } from '../fleet.ts'
import { Ledger } from './ledger.ts'
import { below, Machine } from './machine.ts'
import { documents, FleetNode, storedIds } from './node.ts'

/** @returns all that was found to be wrong */
export async function runRandomFleet(seed: number): Promise<string[]> {
  const fleet = new RandomFleet(seed)
  await fleet.start()
  await fleet.live()
  await fleet.heal()
  return fleet.judge()
}

class RandomFleet {
  readonly #random: RandomSource
  readonly #time: ManualTime = manualTime()
  readonly #network: MemoryNetwork = createMemoryNetwork()
  readonly #ledger = new Ledger()
  readonly #nodes: readonly FleetNode[]
  readonly #relayMachine: Machine
  #relay: Relay | undefined
  #backup: DiskImage | undefined
  readonly #links = new Set<Link>()
  readonly #calls: Promise<void>[] = []
  readonly #wrongs: string[] = []

  constructor(seed: number) {
    const random = seededRandom(seed)
    this.#random = random
    this.#relayMachine = new Machine(this.#time, random, 0)
    this.#nodes = ['a', 'b', 'c'].map(name => {
      const machine = new Machine(this.#time, random, below(random, 2_000))
      const wrong = (what: string) => this.#wrongs.push(what)
      const ledger = this.#ledger
      const onRelayDisk = () => storedIds(document => this.#relayMachine.stored(document))
      const network = this.#network
      return new FleetNode({ name, machine, network, random, ledger, wrong, onRelayDisk })
    })
    this.#network.listen(address, link => {
      this.#links.add(link)
      if (this.#relay === undefined) link.close(1012, 'no relay')
      else this.#relay.accept(link, { path: '/', subprotocol })
    })
  }

  async start(): Promise<void> {
    await this.#startRelay()
    for (const node of this.#nodes) await this.#until(node.start(), 'the start')
    for (const node of this.#nodes) await this.#until(node.open(), 'the opening')
  }

  async live(): Promise<void> {
    const steps = 20 + this.#below(60)
    for (let count = 0; count < steps; count++) {
      await this.#step(this.#nodes[this.#below(this.#nodes.length)] as FleetNode)
      const pauseMax = [0, 0, 3, 30, 200, 3_000][this.#below(6)] as number
      if (pauseMax > 0) await this.#time.advanceAsync(this.#below(pauseMax))
    }
  }

  async heal(): Promise<void> {
    this.#relayMachine.refusing = false
    for (const { machine } of this.#nodes) machine.refusing = false
    for (const call of this.#calls) await this.#until(call, 'a call')
    for (const node of this.#nodes) {
      await this.#until(node.open(), 'the opening')
      node.replica?.connect()
    }
    // What one sends in the first round the others have received after the second.
    for (const round of [1, 2]) {
      for (const { name, replica } of this.#nodes) {
        await this.#until(replica?.synced(), `synced of ${name} in round ${round}`)
        await this.#until(replica?.flush(), `flush of ${name} in round ${round}`)
      }
    }
  }

  judge(): string[] {
    for (const document of documents) {
      const kept = this.#relayMachine.stored(document)
      for (const { name, machine } of this.#nodes) {
        if (equalBytes(machine.stored(document), kept)) continue
        this.#wrongs.push(`${document} of ${name} differs`)
      }
    }
    for (const node of this.#nodes) {
      const counted = node.handles.hits?.value('all') ?? 0
      for (const what of this.#ledger.verdict(node.there(), counted)) {
        this.#wrongs.push(`${node.name}: ${what}`)
      }
      node.kill()
    }
    this.#killRelay()
    return this.#wrongs
  }

  #step(node: FleetNode): Promise<void> | undefined | void {
    switch (this.#below(24)) {
      case 0:
        return this.#restartNode(node)
      case 1:
        return this.#below(3) === 0 ? this.#restartRelay() : undefined
      case 2:
        return node.closeHandle()
      case 3:
      case 4:
        return this.#inBackground(node, node.open())
      case 5:
        return node.replica?.disconnect()
      case 6:
      case 7:
        return node.replica?.connect()
      case 8:
        return node.cut()
      case 9:
        return this.#annoyDisk(node.machine)
      case 10:
        return this.#annoyDisk(this.#relayMachine)
      case 11:
        this.#backup = this.#relayMachine.copyDisk()
        return
      case 12:
        return this.#inBackground(node, node.flush('local'))
      case 13:
      case 14:
        return this.#inBackground(node, node.flush('durable'))
      case 15:
      case 16:
        return node.count()
      case 17:
        return node.deleteKey()
      case 18:
      case 19:
      case 20:
        return node.editText()
      default:
        return node.setKeys()
    }
  }

  #below(end: number): number {
    return below(this.#random, end)
  }

  #annoyDisk(machine: Machine): void {
    machine.refusing = this.#below(2) === 0
  }

  // What a process began that was killed meanwhile never ends.
  #inBackground(node: FleetNode, call: Promise<void>): void {
    this.#calls.push(Promise.race([call, node.death]))
  }

  async #restartNode(node: FleetNode): Promise<void> {
    if (this.#below(2) === 0) await this.#until(node.stop(), `the close of ${node.name}`)
    else node.kill()
    node.machine.refusing = false
    await this.#time.advanceAsync(this.#below(300))
    await this.#until(node.start(), `the start of ${node.name}`)
    if (this.#below(2) === 0) await this.#until(node.open(), `${node.name} opens`)
  }

  async #restartRelay(): Promise<void> {
    this.#relayMachine.refusing = false
    const isClean = this.#below(2) === 0
    if (isClean) await this.#until(this.#relay?.close(), 'the close of the relay')
    this.#killRelay()
    if (this.#below(3) === 0 && this.#backup !== undefined) {
      this.#relayMachine.replaceDisk(this.#backup)
      this.#ledger.relayForgot()
    }
    await this.#time.advanceAsync(this.#below(300))
    await this.#startRelay()
  }

  async #startRelay(): Promise<void> {
    const process = this.#relayMachine.start()
    const { storage, time } = process
    const opening = createRelay({
      ...{ storage, time, random: this.#random },
      compaction: { updatesMax: 20, pauseMilliseconds: 100, mergeLog },
      onEvent: ({ event, code }) => {
        if (event === 'damaged') this.#wrongs.push('the relay found damage')
        if (event === 'compaction-failed' && code !== 'STORAGE_UNAVAILABLE') {
          this.#wrongs.push(`a compaction failed: ${code}`)
        }
      },
    })
    await this.#until(opening, 'the start of the relay')
    this.#relay = await opening
  }

  #killRelay(): void {
    this.#relay = undefined
    this.#relayMachine.kill()
    for (const link of this.#links) link.close(1001, 'killed')
    this.#links.clear()
  }

  /** Lets time pass until a promise has settled. */
  async #until(promise: Promise<unknown> | undefined, what: string): Promise<void> {
    let settled = false
    const noted = Promise.resolve(promise).finally(() => {
      settled = true
    })
    // It is awaited below; until then nobody is to take it for unhandled.
    noted.catch(() => undefined)
    const end = this.#time.monotonic() + 180_000
    while (!settled && this.#time.monotonic() < end) await this.#time.advanceAsync(10)
    if (!settled) throw new Error(`${what} does not end`)
    await noted
  }
}
