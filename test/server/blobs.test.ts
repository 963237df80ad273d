/** Blobs at the relay: governed by the grants of their document, bounded, and checked. */
import { describe, expect, onTestFinished, test } from 'vitest'
import type { RelayOptions } from '../../server/relay-options.ts'
import { nameOf, sha256 } from '../../src/storage/blobs/blob-ref.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import { mintToken, tokenVerifier } from '../../src/trust/token.ts'
import { manualTime } from '../support/manual-time.ts'
import { waitUntil } from '../support/wait-until.ts'
import { type FrameClient, type FrameOf, frameClient } from './frame-client.ts'
import { runningRelay } from './running-relay.ts'

const secret = 'a secret of more than thirty-two bytes'
const document = 'room:r1/files'
const body = new TextEncoder().encode('a blob')

async function client(url: string, token?: string): Promise<FrameClient> {
  const opened = await frameClient(url, undefined, token)
  onTestFinished(() => opened.webSocket.terminate())
  return opened
}

async function put(
  from: FrameClient,
  piece: Uint8Array,
  fields: Partial<FrameOf<'blobPut'>> = {},
): Promise<string> {
  const hash = await sha256(piece)
  const request = 1
  const { length: bytes } = piece
  from.send({ type: 'blobPut', request, document, hash, bytes, index: 0, piece, ...fields })
  return (await from.next('blobDone')).code
}

async function want(
  from: FrameClient,
  fields: Partial<FrameOf<'blobWant'>> = {},
): Promise<Uint8Array | string> {
  const hash = await sha256(body)
  const { length: bytes } = body
  const question = { type: 'blobWant', request: 2, document, hash, bytes, index: 0 } as const
  from.send({ ...question, ...fields })
  for (;;) {
    const answer = from.frames.find(frame => 'request' in frame && frame.request === 2)
    if (answer?.type === 'blobPiece') return answer.piece
    if (answer?.type === 'blobDone') return answer.code
    await from.settled()
  }
}

describe('a blob at the relay', () => {
  test('is durable when it is answered, and given to who asks', async () => {
    const storage = createMemoryStorage()
    const { url } = await runningRelay({ storage })
    expect(await put(await client(url), body)).toBe('')
    expect((await storage.records('blob/piece/')).has(`blob/piece/${await nameOf(body)}`)).toBe(
      true,
    )
    expect(await want(await client(url))).toEqual(body)
  })

  test('is not there for another document, another length, or another piece', async () => {
    const { url } = await runningRelay()
    await put(await client(url), body)
    expect(await want(await client(url), { document: 'room:r1/other' })).toBe('BLOB_MISSING')
    expect(await want(await client(url), { bytes: 7 })).toBe('BLOB_MISSING')
    expect(await want(await client(url), { index: 1 })).toBe('BLOB_DAMAGED')
    expect(await want(await client(url), { hash: new Uint8Array(31) })).toBe('BLOB_DAMAGED')
    expect(await want(await client(url), { document: '' })).toBe('ACCESS_DENIED')
  })

  test('that is not what its name says is not stored', async () => {
    const storage = createMemoryStorage()
    const { url } = await runningRelay({ storage })
    expect(await put(await client(url), body, { hash: new Uint8Array(32) })).toBe('BLOB_DAMAGED')
    expect((await storage.records('blob/')).size).toBe(0)
  })

  test('that is too large is refused', async () => {
    const { url } = await runningRelay({ limits: { blobBytesMax: 5 } })
    expect(await put(await client(url), body)).toBe('BLOB_TOO_LARGE')
  })

  test('of a storage that fails is refused, and other links go on', async () => {
    const storage = createMemoryStorage()
    const write = storage.writeRecord.bind(storage)
    const { url } = await runningRelay({ storage })
    storage.writeRecord = async () => {
      storage.writeRecord = write
      throw new Error('the disk is full')
    }
    const opened = await client(url)
    expect(await put(opened, body)).toBe('STORAGE_UNAVAILABLE')
    expect(await put(opened, body)).toBe('')
    await opened.settled()
  })

  test('comes at most as fast as updates may', async () => {
    const time = manualTime()
    const { url, relay } = await runningRelay({ time, limits: { bytesPerSecondMax: 10 } })
    const opened = await client(url)
    expect(await put(opened, new Uint8Array(300).fill(1))).toBe('')
    const second = put(opened, new Uint8Array(300).fill(2))
    await waitUntil(() => relay.gauges().throttled === 1)
    await time.advanceAsync(30_000)
    expect(await second).toBe('')
  })
})

describe('the grants of a document', () => {
  const secured = (options: Partial<RelayOptions> = {}) =>
    runningRelay({ tokens: tokenVerifier({ secret }), ...options })
  const mint = (rights: 'read' | 'write', scope = 'room:r1') => {
    const grants = [{ scope, partition: '*', rights }] as const
    return mintToken(secret, { subject: 'agent-7', grants, seconds: 60 })
  }

  test('say who may put and who may read its blobs', async () => {
    const { url } = await secured()
    const writer = await client(url, await mint('write'))
    const reader = await client(url, await mint('read'))
    const stranger = await client(url, await mint('write', 'room:r2'))
    expect(await put(reader, body)).toBe('ACCESS_DENIED')
    expect(await put(stranger, body)).toBe('ACCESS_DENIED')
    expect(await put(writer, body)).toBe('')
    expect(await want(await client(url, await mint('read')))).toEqual(body)
    expect(await want(await client(url, await mint('write', 'room:r2')))).toBe('ACCESS_DENIED')
    // Who knows a hash cannot have its content by claiming it for a document of their own.
    const own = { document: 'room:r2/files' }
    expect(await want(await client(url, await mint('write', 'room:r2')), own)).toBe('BLOB_MISSING')
  })
})
