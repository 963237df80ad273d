/**
 * The port of compression, and its one implementation: the platform's own `deflate-raw`, which
 * Node and browsers both have as `CompressionStream`, so that nothing has to be bundled.
 */
import { concatBytes } from '../base/bytes.ts'
import { StatemeshError } from '../base/error.ts'

export interface Codec {
  /** What is stored beside the data; never changes its meaning. 1 to 255. */
  readonly id: number
  compress(bytes: Uint8Array): Promise<Uint8Array>
  /**
   * @param bytesMax more than this is not expanded: a few bytes may claim gigabytes
   * @throws STORAGE_CORRUPT for what `compress` did not make, or expands to more
   */
  expand(bytes: Uint8Array, bytesMax: number): Promise<Uint8Array>
}

export const deflate: Codec = {
  id: 1,
  compress: bytes => run(bytes, new CompressionStream('deflate-raw'), Number.POSITIVE_INFINITY),
  expand: (bytes, bytesMax) => run(bytes, new DecompressionStream('deflate-raw'), bytesMax),
}

/** By their ids. */
const codecs: ReadonlyMap<number, Codec> = new Map([[deflate.id, deflate]])

/** As it is: the id of no codec. */
const plain = 0

/** Below this, what deflate saves is less than what the call costs. */
const packedBytesMin = 256
/** What is left must be at most this share, or the time to expand it buys nothing. */
const packedShareMax = 0.9

/** The bytes behind the id of the codec that they went through, if that makes them smaller. */
export async function packBytes(bytes: Uint8Array, codec: Codec): Promise<Uint8Array> {
  if (bytes.length < packedBytesMin) return packPlain(bytes)
  const compressed = await codec.compress(bytes)
  if (compressed.length > bytes.length * packedShareMax) return packPlain(bytes)
  return withId(codec.id, compressed)
}

/** The bytes as they are, in the form that `unpackBytes` reads. */
export function packPlain(bytes: Uint8Array): Uint8Array {
  return withId(plain, bytes)
}

/**
 * What `packBytes` was given.
 *
 * @throws STORAGE_CORRUPT
 */
export async function unpackBytes(packed: Uint8Array, bytesMax: number): Promise<Uint8Array> {
  const [id] = packed
  const body = packed.subarray(1)
  if (id === plain) return body
  const codec = id === undefined ? undefined : codecs.get(id)
  if (codec === undefined) throw corrupt(`no codec has the id ${id}`)
  return codec.expand(body, bytesMax)
}

function withId(id: number, bytes: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(id), bytes])
}

async function run(
  bytes: Uint8Array,
  { readable, writable }: Transformation,
  bytesMax: number,
): Promise<Uint8Array> {
  const writer = writable.getWriter()
  // The reader meets the same failure.
  const written = writer.write(bytes as BufferSource).then(() => writer.close())
  written.catch(() => undefined)
  const reader = readable.getReader()
  const pieces: Uint8Array[] = []
  let length = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return concatBytes(pieces)
      length += value.length
      if (length > bytesMax) throw corrupt(`expands to more than ${bytesMax} bytes`)
      pieces.push(value)
    }
  } catch (thrown) {
    await reader.cancel().catch(() => undefined)
    if (thrown instanceof StatemeshError) throw thrown
    throw new StatemeshError('STORAGE_CORRUPT', 'compressed data is damaged', { cause: thrown })
  }
}

interface Transformation {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<BufferSource>
}

function corrupt(why: string): StatemeshError {
  return new StatemeshError('STORAGE_CORRUPT', why)
}
