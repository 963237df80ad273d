/** A replica between others that keeps what it cannot read, and hands it on when its writer is gone. */
import { webcrypto } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createMemoryStorage, definePartition, room } from '../../src/index.ts'
import { waitUntil } from '../support/wait-until.ts'
import { openPeer, seconds } from './peers.ts'

const Sealed = definePartition<string>({ name: 'sealed', policy: 'last-write-wins' })
const secret = 'the launch code is 0000'

async function cipher() {
  const { subtle } = webcrypto
  const algorithm = 'AES-GCM'
  const key = await subtle.generateKey({ name: algorithm, length: 256 }, false, [
    'encrypt',
    'decrypt',
  ])
  return {
    async seal(text: string): Promise<string> {
      const iv = webcrypto.getRandomValues(new Uint8Array(12))
      const sealed = await subtle.encrypt({ name: algorithm, iv }, key, Buffer.from(text))
      return Buffer.concat([iv, new Uint8Array(sealed)]).toString('base64')
    },
    async open(sealed: string): Promise<string> {
      const bytes = Buffer.from(sealed, 'base64')
      const iv = bytes.subarray(0, 12)
      return Buffer.from(
        await subtle.decrypt({ name: algorithm, iv }, key, bytes.subarray(12)),
      ).toString()
    },
  }
}

describe('a carrier without a definition, and without the key', () => {
  it('keeps encrypted values, and hands them to a reader that never meets the writer', async () => {
    const { seal, open } = await cipher()
    const storage = createMemoryStorage()
    const carrier = await openPeer('carrier', { storage })
    carrier.subscribe('room:*')
    const peers = carrier.addresses
    const writer = await openPeer('writer', { peers, listen: [] })
    const sealed = await seal(secret)
    ;(await writer.open(room('r1'), Sealed)).set('code', sealed)
    await writer.flush({ level: 'replicated', n: 2, ...seconds })
    await writer.close()

    const reader = await openPeer('reader', { peers, listen: [] })
    const values = await reader.open(room('r1'), Sealed)
    await waitUntil(() => values.get('code') === sealed)
    expect(await open(values.get('code') ?? '')).toBe(secret)
    values.set('answer', await seal('received'))
    await reader.flush({ level: 'replicated', n: 2, ...seconds })

    const loaded = await storage.load('room:r1/sealed')
    const stored = Buffer.concat(loaded.updates.map(({ update }) => update)).toString('latin1')
    expect(stored).toContain(sealed)
    expect(stored).not.toContain(secret)
  })
})
