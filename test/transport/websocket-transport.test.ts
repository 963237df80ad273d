import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { acceptUpgrade } from '../../server/websocket-link.ts'
import type { DialOptions, Link } from '../../src/transport/transport.ts'
import { websocketTransport } from '../../src/transport/websocket-transport.ts'
import {
  describeTransport,
  dialOptions,
  pattern,
  Recorder,
  type TransportEnvironment,
} from '../contracts/transport.ts'
import { manualTime } from '../support/manual-time.ts'

const open: (() => Promise<void>)[] = []

afterEach(async () => {
  vi.restoreAllMocks()
  await Promise.all(open.splice(0).map(close => close()))
})

interface Accepted {
  request: IncomingMessage
  socket: Duplex
  link: Link
  webSocket: WebSocket
}

/** An HTTP server on a free port that accepts every upgrade. */
async function listen(
  onAccepted: (accepted: Accepted) => void,
  messageBytesMax = dialOptions.messageBytesMax,
): Promise<{ address: string }> {
  const http = createServer()
  const webSockets = new WebSocketServer({ noServer: true, maxPayload: messageBytesMax })
  http.on('upgrade', (request, socket, head) => {
    acceptUpgrade(webSockets, { request, socket, head }, (link, webSocket) => {
      onAccepted({ request, socket, webSocket, link })
    })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  open.push(async () => {
    for (const client of webSockets.clients) client.terminate()
    http.close()
    await once(http, 'close')
  })
  return { address: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/` }
}

/** A TCP server on a free port; it is told of connections and does nothing else. */
async function listenTcp(onSocket: (socket: Socket) => void): Promise<{ address: string }> {
  const sockets = new Set<Socket>()
  const server = createTcpServer(socket => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    onSocket(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return { address: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

/** An accepted and a dialled end of one connection. */
async function openOne(
  transport = websocketTransport(),
  options: Partial<DialOptions> = {},
): Promise<{ dialled: Link; accepted: Accepted }> {
  let resolve: (accepted: Accepted) => void = () => {}
  const accepted = new Promise<Accepted>(done => {
    resolve = done
  })
  const { address } = await listen(resolve)
  const dialled = await transport.dial(address, { ...dialOptions, ...options })
  return { dialled, accepted: await accepted }
}

async function websocketEnvironment(): Promise<TransportEnvironment> {
  return {
    transport: websocketTransport(),
    listen: (onLink, { messageBytesMax }) => listen(({ link }) => onLink(link), messageBytesMax),
    deadAddress: 'ws://127.0.0.1:1/',
    async close() {},
  }
}

describeTransport('WebSockets', websocketEnvironment)

/** The transport as a browser has it: no Node, and a native WebSocket without limits. */
function browserTransport(): ReturnType<typeof websocketTransport> {
  return {
    dial(address, options) {
      vi.stubGlobal('WebSocket', WebSocket)
      vi.stubGlobal('process', undefined)
      try {
        return websocketTransport().dial(address, options)
      } finally {
        vi.unstubAllGlobals()
      }
    },
  }
}

describe('a refused or failed dial', () => {
  const failure = { code: 'LINK_FAILED', cause: expect.any(Error) }

  it('says LINK_FAILED with the status of a refused upgrade', async () => {
    const { address } = await listenTcp(socket => {
      socket.once('data', () =>
        socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n'),
      )
    })
    const dialled = websocketTransport().dial(address, dialOptions)
    await expect(dialled).rejects.toMatchObject({
      ...failure,
      message: expect.stringMatching(/401/),
    })
  })

  it.each([
    ['garbage', 'this is not HTTP\r\n\r\n'],
    ['a wrong handshake', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n'],
    ['nothing at all', ''],
  ])('says LINK_FAILED when the answer is %s', async (_, answer) => {
    const { address } = await listenTcp(socket => socket.once('data', () => socket.end(answer)))
    await expect(websocketTransport().dial(address, dialOptions)).rejects.toMatchObject(failure)
  })

  it('says LINK_FAILED for a host that does not exist', async () => {
    const dialled = websocketTransport().dial('ws://nobody.invalid/', dialOptions)
    await expect(dialled).rejects.toMatchObject({ code: 'LINK_FAILED' })
  })

  it('says LINK_FAILED when nothing answers in time', async () => {
    const time = manualTime()
    let onSocket: (socket: Socket) => void = () => {}
    const connected = new Promise<Socket>(resolve => {
      onSocket = resolve
    })
    const { address } = await listenTcp(onSocket)
    const dialled = websocketTransport({ time }).dial(address, dialOptions)
    const refused = expect(dialled).rejects.toMatchObject({
      code: 'LINK_FAILED',
      message: expect.stringMatching(/30000 ms/),
    })
    const socket = await connected
    const gone = once(socket.resume(), 'close')
    time.advance(29_999)
    expect(socket.destroyed).toBe(false)
    time.advance(1)
    await refused
    await gone
  })

  it.each(['ws://', 'ws://:x/', 'http://127.0.0.1/', 'ws://127.0.0.1/#part', '/path'])(
    'says OPTION_INVALID for the address %s',
    async address => {
      for (const transport of [websocketTransport(), browserTransport()]) {
        await expect(transport.dial(address, dialOptions)).rejects.toMatchObject({
          code: 'OPTION_INVALID',
        })
      }
    },
  )

  it('says OPTION_INVALID for a malformed subprotocol or header', async () => {
    for (const { headers = {}, subprotocol } of [
      { subprotocol: 'a b' },
      { headers: { 'x-token': 'a\nb' } },
    ]) {
      const dialled = websocketTransport({ headers }).dial('ws://127.0.0.1:1/', {
        ...dialOptions,
        subprotocol,
      })
      await expect(dialled).rejects.toMatchObject({
        code: 'OPTION_INVALID',
        cause: expect.any(Error),
      })
    }
  })
})

describe('a dial that succeeds', () => {
  it('leaves no timer behind', async () => {
    const time = manualTime()
    await openOne(websocketTransport({ time }))
    expect(time.pending).toBe(0)
  })
})

describe('the upgrade request', () => {
  it('carries the subprotocol and the headers, and asks for no compression', async () => {
    const headers = { authorization: 'Bearer t' }
    const transport = websocketTransport({ headers })
    const { accepted } = await openOne(transport, { subprotocol: 'statemesh.v1' })
    expect(accepted.request.headers).toMatchObject({
      authorization: 'Bearer t',
      'sec-websocket-protocol': 'statemesh.v1',
    })
    expect(accepted.request.headers['sec-websocket-extensions']).toBeUndefined()
  })
})

describe('one turn of sends', () => {
  const tcp = Socket.prototype as unknown as { _write(): void; _writev(): void }

  it.each(['dialled', 'accepted'] as const)('leaves the %s end as one write', async side => {
    const gathered = vi.spyOn(tcp, '_writev')
    const single = vi.spyOn(tcp, '_write')
    const { dialled, accepted } = await openOne()
    const [sender, receiver] =
      side === 'dialled' ? [dialled, accepted.link] : [accepted.link, dialled]
    const recorder = new Recorder(receiver)
    gathered.mockClear()
    single.mockClear()
    for (let index = 0; index < 50; index++) {
      sender.send(pattern(100))
      if (index % 10 === 0) await Promise.resolve()
    }
    expect(sender.bufferedBytes).toBeGreaterThanOrEqual(5000)
    await recorder.received(50)
    expect(sender.bufferedBytes).toBe(0)
    expect([gathered.mock.calls.length, single.mock.calls.length]).toEqual([1, 0])
  })

  it('leaves together with the answer to an upgrade', async () => {
    const gathered = vi.spyOn(tcp, '_writev')
    const single = vi.spyOn(tcp, '_write')
    let socket: Duplex | undefined
    const { address } = await listen(accepted => {
      socket = accepted.socket
      accepted.link.send(pattern(100))
    })
    const recorder = new Recorder(await websocketTransport().dial(address, dialOptions))
    await recorder.received(1)
    const writes = ({ mock }: typeof single) => mock.contexts.filter(by => by === socket).length
    expect([writes(gathered), writes(single)]).toEqual([1, 0])
  })
})

describe('a hostile or broken other end', () => {
  it('gets 4400 for a text message to a dialled end', async () => {
    const { dialled, accepted } = await openOne()
    const [recorder, other] = [new Recorder(dialled), new Recorder(accepted.link)]
    accepted.webSocket.send('text')
    await Promise.all([recorder.closed, other.closed])
    expect(recorder).toMatchObject({ messages: [], closes: [{ code: 4400 }] })
    expect(other.closes).toMatchObject([{ code: 4400 }])
  })

  it('gets 4400 for a text message to an accepted end', async () => {
    let recorder: Recorder | undefined
    const { address } = await listen(({ link }) => {
      recorder = new Recorder(link)
    })
    const stock = new WebSocket(address)
    stock.on('open', () => stock.send('text'))
    expect((await once(stock, 'close'))[0]).toBe(4400)
    await recorder?.closed
    expect(recorder).toMatchObject({ messages: [], closes: [{ code: 4400 }] })
  })

  it('is reported as 1006 when it vanishes', async () => {
    const { dialled, accepted } = await openOne()
    const recorder = new Recorder(dialled)
    accepted.socket.destroy()
    await recorder.closed
    expect(recorder.closes).toMatchObject([{ code: 1006 }])
  })

  it('is reported as 1006, with the reason, when it breaks the WebSocket protocol', async () => {
    const { dialled, accepted } = await openOne()
    const [recorder, other] = [new Recorder(dialled), new Recorder(accepted.link)]
    // A frame with a reserved operation code.
    accepted.socket.write(Uint8Array.of(0x83, 0))
    await Promise.all([recorder.closed, other.closed])
    expect(other.closes).toMatchObject([{ code: 1002 }])
    expect(recorder.closes).toMatchObject([{ code: 1006, reason: expect.stringMatching(/opcode/) }])
  })
})

describe('in a browser', () => {
  it('uses the native WebSocket', async () => {
    const { dialled, accepted } = await openOne(browserTransport())
    const recorder = new Recorder(accepted.link)
    dialled.send(pattern(1000))
    dialled.close(4001, 'bye')
    await recorder.closed
    expect(recorder).toMatchObject({ messages: [pattern(1000)], closes: [{ code: 4001 }] })
  })

  it('closes with 4400 at a message that is too long, and reports 1009', async () => {
    let accepted: Recorder | undefined
    const { address } = await listen(({ link }) => {
      accepted = new Recorder(link)
      link.send(pattern(1001))
    })
    const options = { ...dialOptions, messageBytesMax: 1000 }
    const recorder = new Recorder(await browserTransport().dial(address, options))
    await recorder.closed
    await accepted?.closed
    expect(recorder).toMatchObject({ messages: [], closes: [{ code: 1009 }] })
    expect(accepted?.closes).toMatchObject([{ code: 4400 }])
  })

  it('refuses headers, which it could not send', async () => {
    vi.stubGlobal('process', undefined)
    const dialled = websocketTransport({ headers: { a: 'b' } }).dial(
      'ws://127.0.0.1:1',
      dialOptions,
    )
    vi.unstubAllGlobals()
    await expect(dialled).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})
