/** What comes over the link to a process from a stranger, with real sockets. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { createMemoryNetwork, linkToProcess } from '../../src/index.ts'
import {
  decodeProcessFrame,
  encodeProcessFrame,
  type ProcessFrame,
  processSubprotocol,
} from '../../src/protocol/process-frame.ts'
import { coded, define, scope, startBank } from './bank.ts'

const inbox = 'room:r1/bank-inbox'

describe('bytes of a stranger', () => {
  const hello: ProcessFrame = { type: 'hello', version: 1, inbox, actor: 'eve', token: '' }
  const request = (value: unknown, id = 'm1') => encodeProcessFrame({ type: 'request', id, value })
  const deep = new Uint8Array(100_000).fill(117).map((kind, at) => (at % 2 === 0 ? kind : 1))
  const raw = (...parts: (readonly number[] | Uint8Array)[]) =>
    Uint8Array.from(parts.flatMap(part => [...part]))
  const requestHead = [2, 1, 65]

  it.each([
    ['nothing', [new Uint8Array()], 4400],
    ['an unknown tag', [raw([9])], 4400],
    ['a request before the hello', [request([{}, null])], 4400],
    ['two hellos', [encodeProcessFrame(hello), encodeProcessFrame(hello)], 4400],
    ['another version', [encodeProcessFrame({ ...hello, version: 2 })], 4406],
    ['another process', [encodeProcessFrame({ ...hello, inbox: 'room:r1/x' })], 4403],
    ['no actor', [encodeProcessFrame({ ...hello, actor: '' })], 4400],
    ['a hello cut short', [encodeProcessFrame(hello).subarray(0, 8)], 4400],
    ['a hello with more behind it', [raw(encodeProcessFrame(hello), [0])], 4400],
  ])('is answered by closing the link: %s', async (_, messages, code) => {
    const { listening } = await startBank()
    expect(await closeOf(listening.address, messages)).toBe(code)
  })

  it.each([
    ['no value', raw(requestHead)],
    ['half a value', request([{ Action: 'Echo' }, 'text']).subarray(0, 12)],
    ['a value and more', raw(request([{}, null]), [126])],
    ['a value nested too deep', raw(requestHead, deep)],
    [
      'a prototype',
      raw(
        requestHead,
        [118, 1, 9],
        [...'__proto__'].map(c => c.charCodeAt(0)),
        [126],
      ),
    ],
    ['a count beyond the end', raw(requestHead, [117, 255, 255, 255, 255, 15])],
    ['no tags', request([null, null])],
    ['tags that are no texts', request([{ Action: 7 }, null])],
    ['no data', request([{ Action: 'Echo' }])],
    ['a reply', encodeProcessFrame({ type: 'reply', id: 'm1', value: { ok: true, data: 1 } })],
  ])('closes a link that was let in: %s', async (_, message) => {
    const { listening, ran, link } = await startBank()
    expect(await closeOf(listening.address, [encodeProcessFrame(hello)], [message])).toBe(4400)
    expect(ran).toEqual([])
    expect(await link('bob').request({ Action: 'Echo' })).toMatchObject({ ok: true })
  })

  it('longer than a message may be close the link', async () => {
    const { listening } = await startBank()
    const long = new Uint8Array(4 * 2 ** 20 + 1)
    expect(await closeOf(listening.address, [encodeProcessFrame(hello)], [long])).toBe(1009)
  })

  it('with an id that is none are refused, and the link goes on', async () => {
    const { listening } = await startBank()
    const socket = await dialRaw(listening.address)
    socket.send(encodeProcessFrame(hello))
    expect(decodeProcessFrame(await nextMessage(socket))).toMatchObject({ server: 'ann' })
    for (const [id, expected] of [
      ['', { type: 'refusal', code: 'ID_INVALID' }],
      ['m1', { type: 'reply', id: 'm1' }],
    ] as const) {
      socket.send(request([{ Action: 'Echo' }, null], id))
      expect(decodeProcessFrame(await nextMessage(socket))).toMatchObject(expected)
    }
  })

  it('that come in place of a reply end the link, and fail the request', async () => {
    const network = createMemoryNetwork()
    const answers = [
      raw([9]),
      encodeProcessFrame(hello),
      encodeProcessFrame({ type: 'reply', id: 'm1', value: { ok: true } }),
      encodeProcessFrame({ type: 'reply', id: 'm1', value: { ok: false, data: null } }),
      encodeProcessFrame({ type: 'reply', id: 'm1', value: null }),
    ]
    for (const [index, answer] of answers.entries()) {
      const address = `memory:${index}`
      network.listen(address, link => {
        let heard = 0
        link.start({
          message: () => {
            heard += 1
            const welcome: ProcessFrame = { type: 'welcome', version: 1, server: 'ann' }
            link.send(heard === 1 ? encodeProcessFrame(welcome) : answer)
          },
          close: () => {},
        })
      })
      const bob = linkToProcess(scope, define(), { address, actor: 'bob', transport: network })
      await expect(bob.request({}, 1, { id: 'm1' })).rejects.toEqual(coded('FRAME_INVALID'))
      bob.close()
    }
  })
})

async function dialRaw(address: string): Promise<WebSocket> {
  const socket = new WebSocket(address, processSubprotocol)
  onTestFinished(() => socket.terminate())
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject))
  return socket
}

function nextMessage(socket: WebSocket): Promise<Uint8Array> {
  return new Promise(resolve => socket.once('message', data => resolve(data as Uint8Array)))
}

/** With which code the link ends, after messages, and others once they are answered. */
async function closeOf(
  address: string,
  messages: readonly Uint8Array[],
  later: readonly Uint8Array[] = [],
): Promise<number> {
  const socket = await dialRaw(address)
  const code = new Promise<number>(resolve => socket.on('close', resolve))
  socket.once('message', () => {
    for (const message of later) socket.send(message)
  })
  for (const message of messages) socket.send(message)
  return code
}
