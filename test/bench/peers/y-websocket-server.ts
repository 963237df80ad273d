/** y-websocket's own server with y-leveldb: packages in the first argument, data in the second. */
import { createServer, type IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

const [, , directory = '', data = ''] = process.argv
const load = createRequire(join(directory, 'package.json'))

// It reads its directory when it is loaded.
process.env.YPERSISTENCE = data
const { setupWSConnection } = load('y-websocket/bin/utils') as {
  setupWSConnection(webSocket: unknown, request: IncomingMessage): void
}
const { Server } = load('ws') as {
  Server: new (
    options: object,
  ) => {
    handleUpgrade(...args: [...unknown[], (webSocket: unknown) => void]): void
  }
}

const sockets = new Server({ noServer: true })
const server = createServer((_request, response) => response.end())
server.on('upgrade', (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, webSocket => setupWSConnection(webSocket, request))
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ url: `ws://127.0.0.1:${port}` })}\n`)
})
