/** The bytes of every frame of a statemesh link, written out by hand from `PROTOCOL.md`. */
import type { Frame } from '../../src/protocol/frame.ts'

export interface GoldenFrame {
  readonly frame: Frame
  readonly hex: string
}

const bytes = (...values: number[]) => Uint8Array.from(values)

export const goldenFrames: readonly GoldenFrame[] = [
  {
    frame: {
      type: 'hello',
      version: 1,
      node: 'n1',
      messageBytesMax: 1_048_576,
      windowBytes: 0,
      generation: 'g1',
    },
    hex: '0c 00 01 02 6e31 808040 00 02 6731',
  },
  {
    frame: {
      type: 'hello',
      version: 1,
      node: '',
      messageBytesMax: 127,
      windowBytes: 128,
      generation: '',
    },
    hex: '07 00 01 00 7f 8001 00',
  },
  {
    frame: {
      type: 'open',
      channel: 1,
      document: 'room:ü/users',
      generation: 'g',
      stateVector: bytes(1, 2, 3),
    },
    hex: '15 01 01 0d 726f6f6d3ac3bc2f7573657273 01 67 010203',
  },
  {
    frame: { type: 'open', channel: 300, document: 'd', generation: '', stateVector: bytes() },
    hex: '06 01 ac02 01 64 00',
  },
  {
    frame: { type: 'state', channel: 1, seq: 5, last: true, update: bytes(0, 0) },
    hex: '06 02 01 05 01 0000',
  },
  {
    frame: { type: 'state', channel: 1, seq: 4, last: false, update: bytes(255) },
    hex: '05 02 01 04 00 ff',
  },
  {
    frame: { type: 'update', channel: 2, seq: 128, update: bytes(9, 8, 7) },
    hex: '07 03 02 8001 090807',
  },
  {
    frame: { type: 'update', channel: 2, seq: Number.MAX_SAFE_INTEGER, update: bytes() },
    hex: '0a 03 02 ffffffffffffff0f',
  },
  { frame: { type: 'skip', channel: 2, seq: 129 }, hex: '04 04 02 8101' },
  { frame: { type: 'ack', channel: 2, level: 'received', seq: 7 }, hex: '04 05 02 00 07' },
  { frame: { type: 'ack', channel: 2, level: 'durable', seq: 7 }, hex: '04 05 02 01 07' },
  {
    frame: {
      type: 'nack',
      channel: 3,
      seq: 0,
      code: 'CLOSED',
      retryable: true,
      message: 'no',
    },
    hex: '0e 06 03 00 06 434c4f534544 01 02 6e6f',
  },
  {
    frame: { type: 'nack', channel: 3, seq: 2, code: 'X', retryable: false, message: '' },
    hex: '07 06 03 02 01 58 00 00',
  },
  { frame: { type: 'resync', channel: 3, stateVector: bytes(0) }, hex: '03 07 03 00' },
  { frame: { type: 'close', channel: 3 }, hex: '02 08 03' },
  { frame: { type: 'ping', nonce: 0 }, hex: '02 09 00' },
  { frame: { type: 'pong', nonce: 16_384 }, hex: '04 0a 808001' },
  { frame: { type: 'token', token: 'a.b' }, hex: '05 0b 03 612e62' },
  { frame: { type: 'token', token: '' }, hex: '02 0b 00' },
  {
    frame: { type: 'peer', store: 's1', address: 'ws://a', token: '' },
    hex: '0c 0c 02 7331 06 77733a2f2f61 00',
  },
  {
    frame: { type: 'interest', patterns: ['room:*', '**'] },
    hex: '0b 14 06 726f6f6d3a2a 02 2a2a',
  },
  { frame: { type: 'members', links: 3, members: [] }, hex: '02 0d 03' },
  {
    // In place of a state of 5,000 bytes: client 7 up to clock 300, and no deletions.
    frame: {
      type: 'announce',
      channel: 2,
      seq: 300,
      state: true,
      bytes: 5_000,
      outline: bytes(1, 7, 0xac, 2, 0),
    },
    hex: '0c 16 02 ac02 01 8827 01 07 ac02 00',
  },
  { frame: { type: 'want', channel: 2, seq: 300 }, hex: '04 17 02 ac02' },
  { frame: { type: 'want', channel: 0, seq: 0 }, hex: '03 17 00 00' },
  { frame: { type: 'introduce', peers: [] }, hex: '01 15' },
  {
    frame: { type: 'introduce', peers: [{ store: 's', address: 'ws:', subject: 'ü' }] },
    hex: '0a 15 01 73 03 77733a 02 c3bc',
  },
  {
    frame: { type: 'digest', channel: 2, state: 'ab', content: 'c' },
    hex: '07 0e 02 02 6162 01 63',
  },
  {
    // Client 7 with clock 300 says {}.
    frame: { type: 'awareness', channel: 2, update: Uint8Array.of(1, 7, 0xac, 2, 2, 0x7b, 0x7d) },
    hex: '09 0f 02 01 07 ac02 02 7b7d',
  },
  { frame: { type: 'awareness', channel: 2, update: Uint8Array.of(0) }, hex: '03 0f 02 00' },
  {
    frame: { type: 'members', links: 3, members: [{ store: 's', address: 'a', age: 300 }] },
    hex: '08 0d 03 01 73 01 61 ac02',
  },
  {
    frame: {
      type: 'blobWant',
      request: 7,
      document: 'd',
      hash: new Uint8Array(32).fill(171),
      bytes: 300,
      index: 0,
    },
    hex: `28 10 07 01 64 20 ${'ab'.repeat(32)} ac02 00`,
  },
  {
    frame: {
      type: 'blobPut',
      request: 128,
      document: 'd',
      hash: new Uint8Array(32).fill(1),
      bytes: 2,
      index: 0,
      piece: bytes(9, 8),
    },
    hex: `2a 11 8001 01 64 20 ${'01'.repeat(32)} 02 00 0908`,
  },
  { frame: { type: 'blobPiece', request: 7, piece: bytes(1, 2) }, hex: '04 12 07 0102' },
  {
    frame: { type: 'blobDone', request: 7, code: '', retryable: false, message: '' },
    hex: '05 13 07 00 00 00',
  },
  {
    frame: { type: 'blobDone', request: 7, code: 'X', retryable: true, message: 'no' },
    hex: '08 13 07 01 58 01 02 6e6f',
  },
]
