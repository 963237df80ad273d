/** A peer that sends the relay what no honest replica sends, and must not get anywhere with it. */
import { encodeFrame, type Frame, protocolVersion, subprotocol } from '../../src/protocol/frame.ts'
import type { Link } from '../../src/transport/transport.ts'
import type { Fleet } from '../nodes/fleet.ts'
import { relayAddress } from '../nodes/relay-node.ts'
import { Clock } from '../world/clock.ts'
import type { Dice } from '../world/dice.ts'
import { SimulatedProcess } from '../world/process.ts'
import { type Fault, relayFault } from './fault.ts'

/** Updates that must be refused: see the facts on Yjs in the tests of the update check. */
const badUpdates: readonly Uint8Array[] = [
  Uint8Array.of(), // nothing at all
  Uint8Array.of(1, 1, 1, 0, 4, 1, 0), // cut off
  Uint8Array.of(1, 1, 5, 0, 1, 1, 1, 97, 0, 0), // an item with no length
  Uint8Array.of(255, 255, 255, 15, 1, 1, 0), // a claim of 33 million structs
  Uint8Array.of(1, 1, 9, 50, 132, 8, 7, 1, 97, 0), // builds on what is not there
]

export const hostilePeer: Fault = relayFault('hostile peer', fleet => {
  const { world, network } = fleet
  const process = new SimulatedProcess(world, 'enemy', new Clock(world))
  const dial = network.transport(process).dial(relayAddress, {
    messageBytesMax: 2 ** 20,
    timeoutMilliseconds: 5000,
  })
  const dice = world.dice.fork()
  dial.then(
    link => attack(link, dice, fleet),
    () => world.marks.hit('hostile peer found nobody'),
  )
  return () => process.kill()
})

function attack(link: Link, dice: Dice, fleet: Fleet): void {
  const { marks } = fleet.world
  link.start({ message: () => undefined, close: code => marks.hit(`hostile peer closed ${code}`) })
  // A changed byte can make a good update of a bad one, which a relay without tokens rightly takes
  // from a stranger: such peers keep to documents in which nobody else would find it.
  const changesBytes = dice.chance(0.3)
  const ours = changesBytes ? [] : (fleet.up[0]?.docs.keys() ?? [])
  const document = dice.pick([...ours, 'enemy/notes', '../etc', ''])
  const frames: Frame[] = [
    {
      type: 'hello',
      version: protocolVersion,
      node: subprotocol,
      messageBytesMax: 2 ** 20,
      windowBytes: dice.below(100),
      generation: 'hostile',
    },
    { type: 'open', channel: 1, document, generation: 'enemy', stateVector: Uint8Array.of(0) },
    { type: 'state', channel: 1, seq: 1, last: true, update: dice.pick(badUpdates) },
    {
      type: 'update',
      channel: 1 + dice.below(2),
      seq: dice.below(5),
      update: dice.pick(badUpdates),
    },
    { type: 'ack', channel: dice.below(3), level: 'durable', seq: dice.below(2 ** 31) },
    { type: 'resync', channel: dice.below(3), stateVector: Uint8Array.of(dice.below(256)) },
  ]
  for (const frame of frames) {
    if (dice.chance(0.1)) continue
    const bytes = encodeFrame(frame)
    if (changesBytes && dice.chance(0.2)) bytes[dice.below(bytes.length)] = dice.below(256)
    link.send(bytes)
  }
  if (dice.chance(0.5))
    link.send(Uint8Array.from({ length: dice.below(200) }, () => dice.below(256)))
}
