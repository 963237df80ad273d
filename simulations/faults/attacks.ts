/** What a stranger does to a replica once there is a link. */
import * as encoding from 'lib0/encoding'
import { concatBytes } from '../../src/base/bytes.ts'
import { outlineOf } from '../../src/model/update-outline.ts'
import { type AwarenessEntry, encodeAwarenessUpdate } from '../../src/protocol/awareness-update.ts'
import { encodeFrame, type Frame, messageFramesMax } from '../../src/protocol/frame.ts'
import { enemyName } from '../checkers/refusals.ts'
import type { Dice } from '../world/dice.ts'
import { hostileUpdates } from './hostile-updates.ts'

/** Somebody who speaks to a replica. */
export interface Stranger {
  readonly dice: Dice
  /** A sound introduction of its process. */
  readonly hello: Frame
  /** The documents that the replica has opened, and under which channels. */
  readonly offered: ReadonlyMap<string, number>
  /** The stores with which the replica is linked. */
  readonly others: readonly string[]
  /** Is told who is in a document, once that was asked. */
  onHeardOf: HeardOf | undefined
  say(...frames: readonly Frame[]): void
  send(message: Uint8Array): void
  /** Opens a document; answers under which channel. */
  open(document: string): number
}

export type HeardOf = (entries: readonly AwarenessEntry[]) => void

export interface Attack {
  readonly name: string
  /** Whether it strikes before the stranger has said who it is. */
  readonly unknown?: true
  /** Whether the stranger says that it is somebody with whom the replica is linked. */
  readonly asAnother?: true
  strike(stranger: Stranger): void
}

type Samples = { readonly [Type in Frame['type']]: Extract<Frame, { type: Type }> }

/** A document that nobody else has: what a changed byte makes of an update does no harm there. */
const ownDocument = `${enemyName}/notes`
const nobody = encodeAwarenessUpdate([])
const state = JSON.stringify({ actor: enemyName })
const piece = { request: 1, document: ownDocument, hash: new Uint8Array(32), bytes: 9, index: 0 }

/** One of each kind. */
const samples: Samples = {
  hello: {
    ...{ type: 'hello', version: 1, node: enemyName, messageBytesMax: 9 },
    ...{ windowBytes: 9, generation: 'g' },
  },
  open: {
    ...{ type: 'open', channel: 9, document: ownDocument, generation: 'g' },
    stateVector: Uint8Array.of(0),
  },
  state: { type: 'state', channel: 9, seq: 1, last: true, update: Uint8Array.of(0, 0) },
  update: { type: 'update', channel: 9, seq: 2, update: Uint8Array.of(0, 0) },
  skip: { type: 'skip', channel: 9, seq: 3 },
  ack: { type: 'ack', channel: 1, level: 'received', seq: 9 },
  nack: {
    ...{ type: 'nack', channel: 1, seq: 0, code: 'UPDATE_INVALID' },
    ...{ retryable: true, message: enemyName },
  },
  resync: { type: 'resync', channel: 1, stateVector: Uint8Array.of(1, 1, 1) },
  close: { type: 'close', channel: 1 },
  ping: { type: 'ping', nonce: 9 },
  pong: { type: 'pong', nonce: 9 },
  token: { type: 'token', token: 'x.y.z' },
  peer: { type: 'peer', store: enemyName, address: 'sim:nowhere', token: 'x' },
  members: {
    ...{ type: 'members', links: 9 },
    members: [{ store: `${enemyName}'s`, address: 'sim:nowhere', age: 0 }],
  },
  digest: { type: 'digest', channel: 9, state: 'x', content: 'y' },
  interest: { type: 'interest', patterns: ['room:*'] },
  introduce: { type: 'introduce', peers: [{ store: 's', address: 'sim:nowhere', subject: '' }] },
  awareness: { type: 'awareness', channel: 9, update: nobody },
  announce: {
    ...{ type: 'announce', channel: 9, seq: 4, state: false },
    ...{ bytes: 2 ** 30, outline: Uint8Array.of(1, 5, 9, 0) },
  },
  want: { type: 'want', channel: 1, seq: 9 },
  blobWant: { type: 'blobWant', ...piece },
  blobPut: { type: 'blobPut', ...piece, piece: new Uint8Array(9) },
  blobPiece: { type: 'blobPiece', request: 9, piece: new Uint8Array(9) },
  blobDone: { type: 'blobDone', request: 9, code: 'X', retryable: true, message: enemyName },
}

/** So many of what is sent often: more than a replica bears of any. */
const often = (count: number, frame: Frame): Uint8Array =>
  concatBytes(Array(count).fill(encodeFrame(frame)))

const ghosts = (count: number, dice: Dice): AwarenessEntry[] =>
  Array.from({ length: count }, () => ({ clientID: dice.below(2 ** 31), clock: 1, state }))

/** Asks who is in a document, and says each time that it is otherwise. */
function speakForOthers(stranger: Stranger, lie: (entry: AwarenessEntry) => AwarenessEntry): void {
  const documents = [...stranger.offered.keys()].filter(name => name.endsWith('/presence'))
  if (documents.length === 0) return
  const channel = stranger.open(stranger.dice.pick(documents))
  stranger.say({ type: 'awareness', channel, update: nobody })
  let lies = 0
  stranger.onHeardOf = entries => {
    lies += 1
    if (lies > 5) return // the owner outdoes each: it would go on for ever
    const update = encodeAwarenessUpdate([...entries.map(lie), ...ghosts(3, stranger.dice)])
    stranger.say({ type: 'awareness', channel, update })
  }
}

function onEach(stranger: Stranger, frames: (channel: number, theirs: number) => Frame[]): void {
  for (const [document, theirs] of stranger.offered) {
    stranger.say(...frames(stranger.open(document), theirs))
  }
}

export const attacks: readonly Attack[] = [
  { name: 'silent links', unknown: true, strike: () => undefined },
  {
    name: 'hello and no more',
    unknown: true,
    strike: stranger => stranger.say(stranger.hello),
  },
  { name: 'no hello', unknown: true, strike: stranger => stranger.say(samples.peer) },
  {
    name: 'another version',
    unknown: true,
    strike: stranger => stranger.say({ ...samples.hello, version: 2 }),
  },
  {
    name: 'documents before the introduction',
    unknown: true,
    strike(stranger) {
      stranger.say(stranger.hello)
      stranger.send(often(4_200, samples.open))
    },
  },
  { name: 'a second introduction', strike: stranger => stranger.say(samples.peer) },
  { name: "another's name", asAnother: true, strike: stranger => onEach(stranger, () => []) },
  {
    name: 'noise',
    strike(stranger) {
      const { dice } = stranger
      stranger.send(Uint8Array.from({ length: 1 + dice.below(200) }, () => dice.below(256)))
    },
  },
  {
    name: 'damaged frames',
    strike(stranger) {
      const { dice } = stranger
      for (const frame of dice.shuffled(Object.values(samples))) {
        const bytes = encodeFrame(frame)
        if (dice.chance(0.3)) bytes[dice.below(bytes.length)] = dice.below(256)
        stranger.send(bytes)
      }
    },
  },
  {
    name: 'bad updates',
    strike(stranger) {
      const { dice } = stranger
      for (let round = 0; round < 4; round++) {
        onEach(stranger, channel => [
          { type: 'state', channel, seq: 1, last: true, update: badUpdate(dice) },
          { type: 'update', channel, seq: 2, update: badUpdate(dice) },
        ])
      }
    },
  },
  {
    name: 'members are gone',
    strike: stranger =>
      speakForOthers(stranger, ({ clientID, clock }) => {
        return { clientID, clock: clock + stranger.dice.below(3), state: undefined }
      }),
  },
  {
    name: 'members are others',
    strike: stranger =>
      speakForOthers(stranger, ({ clientID, clock }) => {
        return { clientID, clock: clock + stranger.dice.pick([0, 1, 1000]), state }
      }),
  },
  {
    name: 'a crowd',
    strike(stranger) {
      const { dice } = stranger
      const update = encodeAwarenessUpdate(ghosts(dice.pick([1_100, 5_000]), dice))
      onEach(stranger, channel => [{ type: 'awareness', channel, update }])
    },
  },
  {
    name: 'lies about what it has',
    strike(stranger) {
      const { dice } = stranger
      const client = 1 + dice.below(2 ** 31)
      const outline = outlineOf(Uint8Array.of(1, 1, ...varUint(client), 0, 4, 1, 1, 97, 1, 98, 0))
      onEach(stranger, channel => [
        { type: 'announce', channel, seq: 1, state: true, bytes: dice.pick([9, 2 ** 40]), outline },
        { type: 'announce', channel, seq: 2, state: false, bytes: 5_000, outline },
        { type: 'skip', channel, seq: dice.below(9) },
        { type: 'digest', channel, state: 'x', content: 'y' },
      ])
    },
  },
  {
    name: 'asks for what was never announced',
    strike: stranger =>
      onEach(stranger, (_, channel) => [
        ...[0, 1, 2, 2 ** 40].map(seq => ({ type: 'want', channel, seq }) as const),
        { type: 'resync', channel, stateVector: badUpdate(stranger.dice) },
      ]),
  },
  {
    name: 'acks of the future',
    strike: stranger =>
      onEach(stranger, (_, channel) => [{ type: 'ack', channel, level: 'durable', seq: 2 ** 31 }]),
  },
  {
    name: 'refuses all',
    strike: stranger =>
      onEach(stranger, (own, channel) => [
        { ...samples.nack, channel, retryable: stranger.dice.chance(0.5) },
        { type: 'close', channel: own },
      ]),
  },
  {
    name: 'asks for too much',
    strike(stranger) {
      const patterns = stranger.dice.pick([Array(2_000).fill('room:*'), ['planet:*'], ['*']])
      stranger.say({ type: 'interest', patterns })
    },
  },
  {
    name: 'tells of nobody',
    strike(stranger) {
      for (let told = 0; told < 40; told++) stranger.say(samples.members)
    },
  },
  {
    name: 'blobs of others',
    strike: stranger =>
      onEach(stranger, () => [
        samples.blobWant,
        samples.blobPut,
        samples.blobPiece,
        samples.blobDone,
      ]),
  },
  {
    name: 'opens and asks again and again',
    strike(stranger) {
      const stateVector = Uint8Array.of(0)
      for (let round = 0; round < 20; round++) {
        onEach(stranger, (_, channel) => [{ type: 'resync', channel, stateVector }])
      }
    },
  },
  {
    name: 'too many frames',
    strike: stranger => stranger.send(often(messageFramesMax + 1, samples.ping)),
  },
]

function badUpdate(dice: Dice): Uint8Array {
  return Uint8Array.from(dice.pick(hostileUpdates).bytes)
}

function varUint(value: number): Uint8Array {
  return encoding.encode(encoder => encoding.writeVarUint(encoder, value))
}
