/**
 * The least that a first join after a restart can cost: the log of a document, in the argument's
 * database, is read by LevelDB and sent by `ws`. Nothing is checked. A message asks for it.
 */
import type { AddressInfo } from 'node:net'
import { Level } from 'level'
import { WebSocketServer } from 'ws'
import { updateKeyPrefix, updateRange } from '../../../src/storage/level-keys.ts'

const [, , directory = '', document = ''] = process.argv
const level = new Level<Uint8Array, Uint8Array>(directory, {
  ...{ keyEncoding: 'view', valueEncoding: 'view' },
})
await level.open()
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
server.on('connection', webSocket => {
  webSocket.on('error', () => undefined) // `close` follows
  webSocket.on('message', async (name: Buffer) => {
    const range = updateRange(updateKeyPrefix(name.length > 0 ? document : 'none'))
    for (const value of await level.values(range).all()) webSocket.send(value)
    webSocket.send('end')
  })
})
server.on('listening', () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ url: `ws://127.0.0.1:${port}` })}\n`)
})
