/** The frames of a link to a process, against the bytes that `PROTOCOL.md` gives for them. */
import { describe, expect, it } from 'vitest'
import {
  decodeProcessFrame,
  encodeProcessFrame,
  type ProcessFrame,
} from '../../src/protocol/process-frame.ts'
import { fromHex, toHex, truncations, withinLarger } from './hex.ts'

/** Written out by hand. */
const golden: readonly { frame: ProcessFrame; hex: string }[] = [
  {
    frame: { type: 'hello', version: 1, inbox: 'room:r1/bank', actor: 'ann', token: '' },
    hex: '00 01 0c 726f6f6d3a72312f62616e6b 03 616e6e 00',
  },
  { frame: { type: 'welcome', version: 1, server: 'bank' }, hex: '01 01 04 62616e6b' },
  {
    frame: { type: 'request', id: 'm1', value: [{ Action: 'Pay' }, 5] },
    hex: '02 02 6d31 75 02 76 01 06 416374696f6e 77 03 506179 7d 05',
  },
  {
    frame: { type: 'reply', id: 'm1', value: { ok: true, data: -5 } },
    hex: '03 02 6d31 76 02 02 6f6b 78 04 64617461 7d 45',
  },
  {
    frame: { type: 'refusal', id: 'm1', code: 'RATE_LIMITED', retryable: true, message: 'ü' },
    hex: '04 02 6d31 0c 524154455f4c494d49544544 01 02 c3bc',
  },
]

describe.each(golden)('the golden bytes $hex', ({ frame, hex }) => {
  const bytes = fromHex(hex)

  it('are what the frame is written as, and read as it', () => {
    expect(toHex(encodeProcessFrame(frame))).toBe(hex.replaceAll(' ', ''))
    expect(decodeProcessFrame(bytes)).toEqual(frame)
    expect(decodeProcessFrame(withinLarger(bytes))).toEqual(frame)
  })

  it('are no frame when they end early or go on', () => {
    const invalid = expect.objectContaining({ code: 'FRAME_INVALID' })
    for (const beginning of truncations(bytes)) {
      expect(() => decodeProcessFrame(beginning)).toThrow(invalid)
    }
    expect(() => decodeProcessFrame(fromHex(`${hex} 00`))).toThrow(invalid)
  })
})

describe('a frame of a link to a process', () => {
  it.each(['05 02 6d31', '04 02 6d31 00 02 00', '02 02 6d31 73'])('is none as %s', hex => {
    expect(() => decodeProcessFrame(fromHex(hex))).toThrow(
      expect.objectContaining({ code: 'FRAME_INVALID' }),
    )
  })
})
