/**
 * What `ws` alone costs: each message is sent to every other socket, and a message of four bytes
 * asks for that many bytes, of the file in the argument where there is one. Nothing is checked and
 * nothing is kept.
 */
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'

const [, , file] = process.argv
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
const rooms = new Map<string, Set<WebSocket>>()
let large: Buffer = file === undefined ? Buffer.alloc(0) : readFileSync(file)

server.on('connection', (webSocket, { url = '/' }) => {
  const room = rooms.get(url) ?? new Set()
  rooms.set(url, room.add(webSocket))
  webSocket.on('message', (data: RawData) => {
    const message = data as Buffer
    if (message.length === 4) return webSocket.send(ofSize(message.readUInt32BE()))
    for (const other of room) if (other !== webSocket) other.send(message)
  })
  webSocket.on('error', () => undefined) // `close` follows
  webSocket.on('close', () => {
    room.delete(webSocket)
    if (room.size === 0) rooms.delete(url)
  })
})
server.on('listening', () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ url: `ws://127.0.0.1:${port}` })}\n`)
})

function ofSize(bytes: number): Buffer {
  if (large.length < bytes) large = Buffer.alloc(bytes, 1)
  return large.subarray(0, bytes)
}
