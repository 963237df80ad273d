/** Frames of the statemesh link: encoding and decoding the commonest one. */
import { decodeMessage, encodeFrame, type Frame } from '../../../src/protocol/frame.ts'
import { type Benchmark, rate } from '../figure.ts'

const times = 50_000

/** A typical small update is 70 bytes long. */
const frame: Frame = { type: 'update', channel: 3, seq: 1_000, update: new Uint8Array(70) }
const message = encodeFrame(frame)

export const benchmarks: readonly Benchmark[] = [
  rate('encode', 'frames/s', times, () => encodeFrame(frame).length),
  rate('decode', 'frames/s', times, () => decodeMessage(message).length),
]
