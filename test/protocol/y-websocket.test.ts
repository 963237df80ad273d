import fc from 'fast-check'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { describe, expect, it } from 'vitest'
import * as authProtocol from 'y-protocols/auth'
import * as syncProtocol from 'y-protocols/sync'
import * as Y from 'yjs'
import {
  decodeYWebsocketMessage,
  encodeYWebsocketMessage,
  keepAliveMessage,
  updateMessageBytes,
  writeUpdateMessage,
  type YWebsocketMessage,
} from '../../src/protocol/y-websocket.ts'
import { fromHex, toHex, truncations, withinLarger } from './hex.ts'

const malformed = expect.objectContaining({ code: 'FRAME_INVALID' })
const bytes = (...values: number[]) => Uint8Array.from(values)

const golden: readonly { message: YWebsocketMessage; hex: string }[] = [
  { message: { type: 'sync-request', stateVector: bytes(0) }, hex: '00 00 01 00' },
  { message: { type: 'sync-answer', update: bytes(0, 0) }, hex: '00 01 02 0000' },
  { message: { type: 'update', update: bytes(1, 2, 3) }, hex: '00 02 03 010203' },
  {
    message: { type: 'update', update: new Uint8Array(128).fill(7) },
    hex: `00 02 8001 ${'07'.repeat(128)}`,
  },
  { message: { type: 'awareness', payload: bytes(0) }, hex: '01 01 00' },
  { message: { type: 'permission-denied', reason: 'nö' }, hex: '02 00 03 6ec3b6' },
  { message: { type: 'query-awareness' }, hex: '03' },
  { message: { type: 'ack-request' }, hex: '64 00' },
  { message: { type: 'ack', count: 300 }, hex: '64 01 ac02' },
]

describe.each(golden)('the golden bytes $hex', ({ message, hex }) => {
  it(`are those of ${message.type}`, () => {
    expect(toHex(encodeYWebsocketMessage(message))).toBe(hex.replaceAll(' ', ''))
    expect(decodeYWebsocketMessage(fromHex(hex))).toEqual(message)
  })

  it('are refused when they are cut anywhere, and when something follows', () => {
    for (const cut of truncations(fromHex(hex))) {
      expect(() => decodeYWebsocketMessage(cut)).toThrow(malformed)
      expect(() => decodeYWebsocketMessage(withinLarger(cut))).toThrow(malformed)
    }
    expect(() => decodeYWebsocketMessage(fromHex(`${hex} 00`))).toThrow(malformed)
  })
})

describe('other messages', () => {
  it.each(['04', '65 0102', '8001'])('of an unknown type are ignored: %s', hex => {
    expect(decodeYWebsocketMessage(fromHex(hex))).toBeUndefined()
  })

  it.each([
    ['an unknown sync step', '00 03 00'],
    ['an unknown auth message', '02 01 00'],
    ['an unknown ack step', '64 02'],
    ['a reason that is not UTF-8', '02 00 01 ff'],
    ['a length beyond the safe integers', '01 ffffffffffffff7f'],
  ])('are refused: %s', (_, hex) => {
    expect(() => decodeYWebsocketMessage(fromHex(hex))).toThrow(malformed)
  })

  it('of any bytes are decoded, ignored or refused with FRAME_INVALID', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 32 }), message => {
        try {
          decodeYWebsocketMessage(withinLarger(message))
        } catch (error) {
          expect(error).toEqual(malformed)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('an update message that is written into a larger buffer', () => {
  it('has the bytes of any other', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20_000 }), update => {
        const expected = encodeYWebsocketMessage({ type: 'update', update })
        expect(updateMessageBytes(update.length)).toBe(expected.length)
        const buffer = new Uint8Array(expected.length + 5)
        expect(writeUpdateMessage(buffer, 3, update)).toBe(expected.length + 3)
        expect(buffer.subarray(3, -2)).toEqual(expected)
      }),
    )
  })
})

describe('the keep-alive message', () => {
  it('is an awareness message about nobody', () => {
    expect(decodeYWebsocketMessage(keepAliveMessage)).toEqual({
      type: 'awareness',
      payload: bytes(0),
    })
  })
})

describe('the stock encoders', () => {
  const doc = new Y.Doc()
  doc.getMap('users').set('alice', 'Alice')

  function stock(type: number, write: (encoder: encoding.Encoder) => void): Uint8Array {
    return encoding.encode(encoder => {
      encoding.writeVarUint(encoder, type)
      write(encoder)
    })
  }

  const messages: readonly { written: Uint8Array; message: YWebsocketMessage }[] = [
    {
      written: stock(0, encoder => syncProtocol.writeSyncStep1(encoder, doc)),
      message: { type: 'sync-request', stateVector: Y.encodeStateVector(doc) },
    },
    {
      written: stock(0, encoder => syncProtocol.writeSyncStep2(encoder, doc)),
      message: { type: 'sync-answer', update: Y.encodeStateAsUpdate(doc) },
    },
    {
      written: stock(0, encoder => syncProtocol.writeUpdate(encoder, bytes(1, 2))),
      message: { type: 'update', update: bytes(1, 2) },
    },
    {
      written: stock(2, encoder => authProtocol.writePermissionDenied(encoder, 'no')),
      message: { type: 'permission-denied', reason: 'no' },
    },
  ]

  it.each(messages)('write the same bytes for $message.type', ({ written, message }) => {
    expect(toHex(encodeYWebsocketMessage(message))).toBe(toHex(written))
    expect(decodeYWebsocketMessage(written)).toEqual(message)
  })

  it('read what we write', () => {
    const encoded = encodeYWebsocketMessage({
      type: 'sync-answer',
      update: Y.encodeStateAsUpdate(doc),
    })
    const decoder = decoding.createDecoder(encoded)
    expect(decoding.readVarUint(decoder)).toBe(0)
    const copy = new Y.Doc()
    syncProtocol.readSyncMessage(decoder, encoding.createEncoder(), copy, 'test')
    expect(copy.getMap('users').toJSON()).toEqual({ alice: 'Alice' })
  })
})
