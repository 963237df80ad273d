/** Ports for servers that end and come back: nobody else is given them meanwhile. */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below those that systems choose from for who asks for any port, or dials: 32768 and up. */
const portMin = 20_000
const ports = 10_000

// Test files run in processes of their own, which must not all begin with the same.
let last = randomInt(ports)

/** A port of this machine on which nobody listens, another one in each call. */
export async function steadyPort(): Promise<number> {
  for (;;) {
    last = (last + 1) % ports
    if (await isFree(portMin + last)) return portMin + last
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
    throw thrown
  }
  server.close()
  await once(server, 'close')
  return true
}
