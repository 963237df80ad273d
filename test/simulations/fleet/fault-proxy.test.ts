/** The wire of a fleet delivers what is sent, whole and in order, however it is held, slowed or cut. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { FaultProxy } from '../../../simulations/fleet/fault-proxy.ts'
import { waitUntil } from '../../support/wait-until.ts'

/** A client and a server with a proxy between them, and all that each has heard. */
async function wired() {
  const server = createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = new FaultProxy(() => (server.address() as AddressInfo).port)
  await proxy.listen()
  onTestFinished(() => {
    proxy.close()
    server.close()
  })
  const dial = async () => {
    const client = connect(Number(new URL(proxy.url).port), '127.0.0.1')
    const [accepted] = (await once(server, 'connection')) as [Socket]
    onTestFinished(() => void accepted.destroy())
    return { client: hearing(client), accepted: hearing(accepted) }
  }
  return { proxy, dial }
}

function hearing(socket: Socket) {
  const ears = { socket, heard: '', ended: false, closed: false }
  socket.on('data', text => {
    ears.heard += text
  })
  socket.on('end', () => {
    ears.ended = true
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    ears.closed = true
  })
  return ears
}

it('passes both ways, and passes the end on', async () => {
  const { dial } = await wired()
  const { client, accepted } = await dial()
  client.socket.write('question')
  await waitUntil(() => accepted.heard === 'question')
  accepted.socket.end('answer')
  await waitUntil(() => client.heard === 'answer' && client.ended)
  await waitUntil(() => accepted.closed)
})

it('holds one way, and lets the other through', async () => {
  const { proxy, dial } = await wired()
  const { client, accepted } = await dial()
  proxy.there.held = true
  client.socket.write('held')
  accepted.socket.write('free')
  await waitUntil(() => client.heard === 'free')
  expect(accepted.heard).toBe('')
  proxy.there.held = false
  proxy.changed()
  await waitUntil(() => accepted.heard === 'held')
})

it('delivers in order when a delay ends before what it held up', async () => {
  const { proxy, dial } = await wired()
  const { client, accepted } = await dial()
  proxy.there.delayMilliseconds = 150
  const start = performance.now()
  client.socket.write('first ')
  // On a machine that was busy for so long it may be there already.
  await waitUntil(() => proxy.waitingBytes > 0 || accepted.heard !== '')
  proxy.there.delayMilliseconds = 0
  client.socket.write('second')
  await waitUntil(() => accepted.heard === 'first second')
  expect(performance.now() - start).toBeGreaterThan(140)
})

it('takes its time with many bytes, and loses none', async () => {
  const { proxy, dial } = await wired()
  const { client, accepted } = await dial()
  proxy.there.bytesPerMillisecond = 20_000
  const text = 'abcdefgh'.repeat(500_000)
  client.socket.end(text)
  await waitUntil(() => accepted.ended)
  expect(accepted.heard === text).toBe(true)
})

it('breaks what is cut, and refuses more until it is mended', async () => {
  const { proxy, dial } = await wired()
  const { client, accepted } = await dial()
  proxy.cut()
  await waitUntil(() => client.closed && accepted.closed)
  const refused = hearing(connect(Number(new URL(proxy.url).port), '127.0.0.1'))
  await waitUntil(() => refused.closed)
  proxy.mend()
  const again = await dial()
  again.client.socket.write('back')
  await waitUntil(() => again.accepted.heard === 'back')
})
