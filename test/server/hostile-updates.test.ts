import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { hostileUpdates } from '../../simulations/faults/hostile-updates.ts'
import { encodeYWebsocketMessage } from '../../src/protocol/y-websocket.ts'
import { bystander } from './bystander.ts'
import { emptyVector, frameClient } from './frame-client.ts'
import { runningRelay } from './running-relay.ts'
import { writer } from './writer.ts'

const document = 'room:r1/target'
const wedge = Uint8Array.of(1, 1, 1, 0, 1, 1, 1, 97, 0, 0)

/** A relay with some text in the document, and somebody at work elsewhere. */
async function target() {
  const running = await runningRelay({ limits: { offencesMax: 1_000 } })
  const { url } = running
  const author = await frameClient(url)
  await author.open(document)
  const update = writer(1).append('untouched')
  author.send({ type: 'state', channel: 1, seq: 1, last: true, update })
  await author.next('ack', ({ level }) => level === 'durable')
  const reader = async () => {
    const { doc } = await (await frameClient(url)).open(document)
    return doc.getText('text').toString()
  }
  return { ...running, other: await bystander(url), text: reader }
}

test('the corpus is as large as it was', () => {
  expect(hostileUpdates.length).toBeGreaterThanOrEqual(40)
})

describe('every update of the hostile corpus', () => {
  test('is nacked on a link, kept with its reason, and stored or forwarded never', async () => {
    const { url, relay, other, text } = await target()
    const attacker = await frameClient(url)
    const watcher = await frameClient(url)
    await watcher.open(document)
    for (const [index, { name, bytes, refusal }] of hostileUpdates.entries()) {
      const channel = index + 1
      const opened = await attacker.open(document, channel)
      expect(opened.doc.getText('text').toString(), name).toBe('untouched')
      const update = Uint8Array.from(bytes)
      attacker.send({ type: 'state', channel, seq: 1, last: true, update })
      const nack = await attacker.next('nack')
      expect(nack, name).toMatchObject({ channel, seq: 1, code: 'UPDATE_INVALID' })
      expect(nack.message, name).toMatch(refusal)
      const kept = relay.quarantine().at(-1)
      expect(kept, name).toMatchObject({ document, code: 'UPDATE_INVALID', length: update.length })
      expect(kept?.reason, name).toMatch(refusal)
      expect(kept?.update, name).toEqual(update.slice(0, relay.limits.quarantineBytesMax))
      await other.works()
    }
    await watcher.settled()
    expect(watcher.all('update')).toEqual([])
    expect(await text()).toBe('untouched')
  })

  test('closes a stock socket with 4400, and is stored or forwarded never', async () => {
    const { url, relay, other, text } = await target()
    for (const { name, bytes, refusal } of hostileUpdates) {
      const socket = new WebSocket(`${url}/${document}`)
      onTestFinished(() => socket.terminate())
      await once(socket, 'open')
      socket.send(encodeYWebsocketMessage({ type: 'update', update: Uint8Array.from(bytes) }))
      expect((await once(socket, 'close'))[0], name).toBe(4400)
      expect(relay.quarantine().at(-1)?.reason, name).toMatch(refusal)
      await other.works()
    }
    expect(await text()).toBe('untouched')
  })
})

describe('whoever sends invalid updates', () => {
  test('is closed with 4400 when it does not stop', async () => {
    const { url, events } = await runningRelay({ limits: { offencesMax: 3 } })
    const attacker = await frameClient(url)
    for (let channel = 1; channel <= 4; channel++) {
      await attacker.open(document, channel)
      attacker.send({ type: 'state', channel, seq: 1, last: true, update: wedge })
      if (channel <= 3) await attacker.next('nack')
    }
    expect(await attacker.closed).toBe(4400)
    expect(events.filter(({ code }) => code === 'UPDATE_INVALID')).toHaveLength(4)
  })

  test('does not fill the memory with what is kept', async () => {
    const limits = { quarantineCountMax: 5, quarantineBytesMax: 8, offencesMax: 100 }
    const { url, relay } = await runningRelay({ limits })
    const attacker = await frameClient(url)
    for (let channel = 1; channel <= 8; channel++) {
      await attacker.open(document, channel)
      const update = Uint8Array.of(...wedge, channel)
      attacker.send({ type: 'state', channel, seq: 1, last: true, update })
      await attacker.next('nack')
    }
    const kept = relay.quarantine()
    expect(kept).toHaveLength(5)
    for (const { update, length } of kept) {
      expect(update).toEqual(wedge.slice(0, 8))
      expect(length).toBe(wedge.length + 1)
    }
  })

  test('with names that are none is closed too', async () => {
    const { url } = await runningRelay({ limits: { offencesMax: 3 } })
    const attacker = await frameClient(url)
    for (let channel = 1; channel <= 4; channel++) {
      const opening = { type: 'open', channel, document: '../x', generation: '' } as const
      attacker.send({ ...opening, stateVector: emptyVector })
    }
    expect(await attacker.closed).toBe(4400)
  })
})
