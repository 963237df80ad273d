/** The exchange that `PROTOCOL.md` shows byte by byte, played with a relay. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { createRelay } from '../../server/relay.ts'
import { decodeMessage, type Frame, subprotocol } from '../../src/protocol/frame.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import { createMemoryNetwork } from '../../src/transport/memory-transport.ts'
import { fromHex } from '../protocol/hex.ts'
import { inRepository } from '../support/repository.ts'

interface Step {
  readonly who: string
  readonly what: string
  readonly bytes: Uint8Array
}

const text = readFileSync(inRepository('src/protocol/PROTOCOL.md'), 'utf8')
const row = /^\| (client|relay) +\| (.*?) +\| `([0-9a-f ]+)` +\|$/gm
const steps: readonly Step[] = [...text.matchAll(row)].map(([, who, what, hex]) => ({
  who: who as string,
  what: what as string,
  bytes: fromHex(hex as string),
}))

test('a relay answers a client as the protocol shows it', async () => {
  const network = createMemoryNetwork()
  const relay = await createRelay({ storage: createMemoryStorage() })
  network.listen('memory:relay', link => relay.accept(link, { path: '/', subprotocol }))
  const arrived: Frame[] = []
  const link = await network.dial('memory:relay', {
    messageBytesMax: 2 ** 24,
    timeoutMilliseconds: 1000,
  })
  const message = (bytes: Uint8Array) => arrived.push(...decodeMessage(bytes).filter(isShown))
  link.start({ message, close: () => {} })
  for (const { who, what, bytes } of steps) {
    if (who === 'client') {
      link.send(bytes)
      continue
    }
    await expect.poll(() => arrived.length, { message: what }).toBeGreaterThan(0)
    expect(named(arrived.shift() as Frame), what).toEqual(decodeMessage(bytes)[0])
  }
  await relay.close()
})

test('what the client hands over there is what the protocol says', () => {
  const doc = new Y.Doc()
  for (const frame of steps.flatMap(({ bytes }) => decodeMessage(bytes))) {
    if ('update' in frame) Y.applyUpdate(doc, frame.update)
  }
  expect(doc.getText('t').toString()).toBe('hi!')
  expect([...doc.store.clients.keys()]).toEqual([7])
})

/** The ack that precedes one of what is durable may be there or not. */
function isShown(frame: Frame): boolean {
  return frame.type !== 'ack' || frame.level === 'durable'
}

/** A frame of the relay with the names that the protocol gives it. */
function named(frame: Frame): Frame {
  if (frame.type === 'hello') return { ...frame, node: 'n', generation: 'g' }
  return frame.type === 'open' ? { ...frame, generation: 'g' } : frame
}
