import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concatBytes } from '../../src/base/bytes.ts'
import { StatemeshError } from '../../src/base/error.ts'
import {
  decodeMessage,
  encodeFrame,
  type Frame,
  updateFrameBytes,
  writeUpdateFrame,
} from '../../src/protocol/frame.ts'
import { goldenFrames } from './golden-frames.ts'
import { fromHex, toHex, truncations, withinLarger } from './hex.ts'

const malformed = expect.objectContaining({ code: 'FRAME_INVALID' })

const number = fc.maxSafeNat()
const text = fc.string({ unit: 'binary' })
const bytes = fc.uint8Array({ maxLength: 300 })
const flag = fc.boolean()

function record<Type extends Frame['type']>(
  type: Type,
  fields: {
    [Field in Exclude<keyof Extract<Frame, { type: Type }>, 'type'>]: fc.Arbitrary<
      Extract<Frame, { type: Type }>[Field]
    >
  },
): fc.Arbitrary<Frame> {
  return fc.record({ type: fc.constant(type), ...fields }) as unknown as fc.Arbitrary<Frame>
}

const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  record('hello', {
    version: number,
    node: text,
    messageBytesMax: number,
    windowBytes: number,
    generation: text,
  }),
  record('open', { channel: number, document: text, generation: text, stateVector: bytes }),
  record('state', { channel: number, seq: number, last: flag, update: bytes }),
  record('update', { channel: number, seq: number, update: bytes }),
  record('skip', { channel: number, seq: number }),
  record('ack', { channel: number, level: fc.constantFrom('received', 'durable'), seq: number }),
  record('nack', { channel: number, seq: number, code: text, retryable: flag, message: text }),
  record('announce', { channel: number, seq: number, state: flag, bytes: number, outline: bytes }),
  record('want', { channel: number, seq: number }),
  record('resync', { channel: number, stateVector: bytes }),
  record('close', { channel: number }),
  record('ping', { nonce: number }),
  record('pong', { nonce: number }),
  record('token', { token: text }),
  record('awareness', { channel: number, update: bytes }),
  record('digest', { channel: number, state: text, content: text }),
  record('interest', { patterns: fc.array(text, { maxLength: 5 }) }),
  record('members', {
    links: number,
    members: fc.array(fc.record({ store: text, address: text, age: number }), { maxLength: 5 }),
  }),
  record('peer', { store: text, address: text, token: text }),
)

/** The frames that were decoded, or undefined if the bytes were refused as they should be. */
function decodeOrRefuse(message: Uint8Array): Frame[] | undefined {
  try {
    return decodeMessage(message)
  } catch (error) {
    if (error instanceof StatemeshError && error.code === 'FRAME_INVALID') return undefined
    throw error
  }
}

describe.each(goldenFrames)('the golden bytes $hex', ({ frame, hex }) => {
  it(`are those of ${frame.type}`, () => {
    expect(toHex(encodeFrame(frame))).toBe(hex.replaceAll(' ', ''))
    expect(decodeMessage(fromHex(hex))).toEqual([frame])
    expect(decodeMessage(withinLarger(fromHex(hex)))).toEqual([frame])
  })

  it('are refused when they are cut anywhere', () => {
    const [nothing, ...cut] = truncations(fromHex(hex))
    expect(decodeMessage(nothing as Uint8Array)).toEqual([])
    for (const message of cut) {
      expect(() => decodeMessage(message)).toThrow(malformed)
      expect(() => decodeMessage(withinLarger(message))).toThrow(malformed)
    }
  })

  it('are refused, or say something shorter, when the frame itself is shorter', () => {
    const body = fromHex(hex).slice(1)
    for (const cut of truncations(body)) {
      const shorter = Uint8Array.of(cut.length, ...cut)
      const frames = decodeOrRefuse(withinLarger(shorter))
      // Only a field that takes the rest of its frame can end earlier.
      if (frames !== undefined) expect(toHex(encodeFrame(frames[0] as Frame))).toBe(toHex(shorter))
    }
  })
})

describe('a message of several frames', () => {
  const frames = goldenFrames.map(({ frame }) => frame)
  const message = concatBytes(goldenFrames.map(({ hex }) => fromHex(hex)))

  it('is read in order', () => {
    expect(decodeMessage(message)).toEqual(frames)
  })

  it('gives fewer whole frames or is refused when it is cut', () => {
    for (const cut of truncations(message)) {
      const read = decodeOrRefuse(cut)
      if (read !== undefined) expect(read).toEqual(frames.slice(0, read.length))
    }
  })

  it('holds views into the message, not copies', () => {
    const [frame] = decodeMessage(fromHex('07 03 02 8001 090807'))
    const update = frame?.type === 'update' ? frame.update : undefined
    expect(update?.buffer.byteLength).toBe(8)
  })
})

describe('unknown tags', () => {
  it('are left out, whatever they carry', () => {
    expect(decodeMessage(fromHex('01 7c  02 0900  03 ff 0102  02 0803'))).toEqual([
      { type: 'ping', nonce: 0 },
      { type: 'close', channel: 3 },
    ])
  })
})

describe('a malformed message', () => {
  it.each([
    ['a frame without a tag', '00'],
    ['an unknown ack level', '04 05 02 02 07'],
    ['a flag that is neither 0 nor 1', '06 02 01 05 02 0000'],
    ['bytes after the last field', '03 08 03 00'],
    ['a string that is not UTF-8', '06 01 01 01 ff 00 00'],
    ['a string that is longer than its frame', '06 01 01 05 64 00 00'],
    ['a number beyond the safe integers', '0a 04 02 ffffffffffffff10'],
    ['a number of nine bytes', '0b 04 02 808080808080808000'],
    ['a length beyond the safe integers', 'ffffffffffffffff7f 00'],
    ['a length of 2^53 - 1', 'ffffffffffffff0f 00'],
  ])('is refused: %s', (_, hex) => {
    expect(() => decodeMessage(fromHex(hex))).toThrow(malformed)
  })
})

describe('any frames', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 5 }), frames => {
        expect(decodeMessage(concatBytes(frames.map(encodeFrame)))).toEqual(frames)
      }),
    )
  })

  it('keep a byte order mark in their strings', () => {
    const frame: Frame = {
      type: 'open',
      channel: 1,
      document: '\ufeffdoc',
      generation: '',
      stateVector: new Uint8Array(),
    }
    expect(decodeMessage(encodeFrame(frame))).toEqual([frame])
  })
})

describe('an update frame that is written into a larger buffer', () => {
  it('has the bytes of any other', () => {
    const any = fc.tuple(fc.maxSafeNat(), fc.maxSafeNat(), fc.uint8Array({ maxLength: 20_000 }))
    fc.assert(
      fc.property(any, ([channel, seq, update]) => {
        const expected = encodeFrame({ type: 'update', channel, seq, update })
        expect(updateFrameBytes(channel, seq, update.length)).toBe(expected.length)
        const buffer = new Uint8Array(expected.length + 5)
        expect(writeUpdateFrame(buffer, 3, { channel, seq, update })).toBe(expected.length + 3)
        expect(buffer.subarray(3, -2)).toEqual(expected)
      }),
    )
  })
})

describe('any bytes', () => {
  it('are decoded or refused with FRAME_INVALID', () => {
    const mutated = fc
      .tuple(fc.constantFrom(...goldenFrames), fc.nat(), fc.integer({ min: 0, max: 255 }))
      .map(([{ hex }, position, byte]) => {
        const message = fromHex(hex)
        message[position % message.length] = byte
        return message
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), mutated), message => {
        decodeOrRefuse(withinLarger(message))
      }),
      { numRuns: 2000 },
    )
  })
})
