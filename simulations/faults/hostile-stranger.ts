/**
 * A stranger that links with a replica which listens, introduces itself as an honest peer would, attacks,
 * and goes. It may lie, but never that it has on its disk what it was sent: no replica can see that.
 */
import { decodeAwarenessUpdate } from '../../src/protocol/awareness-update.ts'
import {
  decodeMessage,
  encodeFrame,
  type Frame,
  protocolVersion,
  subprotocol,
} from '../../src/protocol/frame.ts'
import type { Link } from '../../src/transport/transport.ts'
import { enemyName } from '../checkers/refusals.ts'
import type { Fleet } from '../nodes/fleet.ts'
import type { ReplicaNode } from '../nodes/replica-node.ts'
import { Clock } from '../world/clock.ts'
import type { Dice } from '../world/dice.ts'
import { addressPrefix } from '../world/network.ts'
import { SimulatedProcess } from '../world/process.ts'
import { type Attack, attacks, type HeardOf, type Stranger } from './attacks.ts'
import type { Fault } from './fault.ts'

const dialOptions = { messageBytesMax: 2 ** 26, timeoutMilliseconds: 5000, subprotocol }

/** So many ends of links that say nothing at all. */
const silentLinks = 70

export const hostileStranger: Fault = {
  name: 'hostile stranger',
  strike(fleet) {
    const { world, network, up, evidence } = fleet
    if (up.length === 0) return undefined
    evidence.strangers = true
    const dice = world.dice.fork()
    const target = dice.pick(up)
    const attack = dice.pick(attacks)
    const process = new SimulatedProcess(world, enemyName, new Clock(world))
    const dial = () => network.transport(process).dial(addressPrefix + target.name, dialOptions)
    const links = attack.name === 'silent links' ? silentLinks : 1
    for (let dialled = 0; dialled < links; dialled++) {
      dial().then(
        link => new Assault({ link, attack, fleet, target, dice }),
        () => world.marks.hit('hostile stranger found nobody'),
      )
    }
    return () => process.kill()
  },
}

interface AssaultOptions {
  readonly link: Link
  readonly attack: Attack
  readonly fleet: Fleet
  readonly target: ReplicaNode
  readonly dice: Dice
}

/** One link of the stranger. */
class Assault implements Stranger {
  readonly dice: Dice
  readonly offered: Map<string, number> = new Map()
  readonly others: readonly string[]
  onHeardOf: HeardOf | undefined
  readonly #link: Link
  readonly #attack: Attack
  readonly #fleet: Fleet
  #channels = 0
  #begun = false

  constructor({ link, attack, fleet, target, dice }: AssaultOptions) {
    this.dice = dice
    this.#link = link
    this.#attack = attack
    this.#fleet = fleet
    const peers = target.isUp ? target.replica.status.peers : []
    this.others = peers.flatMap(({ store }) => store ?? [])
    link.start({
      message: message => {
        for (const frame of decodeMessage(message)) this.#hear(frame)
      },
      close: code => this.#mark(this.#begun ? `closed ${code}` : `not let in ${code}`),
    })
    if (attack.unknown) this.#begin()
    else this.#introduce(attack.asAnother ? this.others[0] : undefined)
  }

  #introduce(store = `${enemyName}-${this.dice.below(2 ** 31)}`): void {
    this.say(this.hello, { type: 'want', channel: 0, seq: 0 })
    this.say({ type: 'peer', store, ...nowhere })
  }

  get hello(): Frame {
    return {
      type: 'hello',
      version: protocolVersion,
      node: enemyName,
      messageBytesMax: 2 ** 20,
      windowBytes: this.dice.pick([0, 1, 1000]),
      generation: enemyName,
    }
  }

  say(...frames: readonly Frame[]): void {
    for (const frame of frames) this.send(encodeFrame(frame))
  }

  send(message: Uint8Array): void {
    this.#link.send(message)
  }

  open(document: string): number {
    this.#channels += 1
    const stateVector = Uint8Array.of(0)
    this.say({ type: 'open', channel: this.#channels, document, generation: 'g', stateVector })
    return this.#channels
  }

  #hear(frame: Frame): void {
    switch (frame.type) {
      case 'open':
        this.offered.set(frame.document, frame.channel)
        return
      case 'members':
        // The replica has settled on the link: what it has loaded it has offered before.
        return this.#begun ? undefined : this.#begin()
      case 'awareness':
        return this.onHeardOf?.(decodeAwarenessUpdate(frame.update))
      case 'ping':
        return this.say({ type: 'pong', nonce: frame.nonce })
      case 'pong':
        return this.#mark('borne')
      case 'nack':
        return this.#mark('refused')
    }
  }

  #begin(): void {
    this.#begun = true
    this.#mark('made')
    this.#attack.strike(this)
    if (!this.#attack.unknown) this.say({ type: 'ping', nonce: 1 })
  }

  #mark(what: string): void {
    this.#fleet.world.marks.hit(`attack, ${this.#attack.name}: ${what}`)
  }
}

const nowhere = { address: '', token: '' }
