/** A writer that keeps many one-character updates under way, and counts what the relay acks. */
import { emptyVector, type FrameClient } from './frame-client.ts'
import { writer } from './writer.ts'

export interface Load {
  readonly client: FrameClient
  readonly clientID: number
  /** How many updates it has sent. */
  sent(): number
  /** How many of its updates were acked at a level; each is one clock of the client. */
  received(): number
  durable(): number
  stop(): void
}

/** Updates under way before it waits for acks. */
const underWayMax = 200

export async function startLoad(
  client: FrameClient,
  document: string,
  clientID: number = 1,
): Promise<Load> {
  const { append } = writer(clientID)
  client.send({ type: 'open', channel: 1, document, generation: '', stateVector: emptyVector })
  await client.next('open')
  const acked = { received: 0, durable: 0 }
  let seq = 0
  let stopped = false
  const fill = (): void => {
    while (!stopped && seq - acked.durable < underWayMax) {
      seq += 1
      const update = append('x')
      if (seq === 1) client.send({ type: 'state', channel: 1, seq, last: true, update })
      else client.send({ type: 'update', channel: 1, seq, update })
    }
  }
  const count = async (): Promise<void> => {
    for (;;) {
      const ack = await client.next('ack')
      acked[ack.level] = Math.max(acked[ack.level], ack.seq)
      acked.received = Math.max(acked.received, acked.durable)
      fill()
    }
  }
  fill()
  count().catch(() => {
    stopped = true // the link has ended
  })
  return {
    client,
    clientID,
    sent: () => seq,
    received: () => acked.received,
    durable: () => acked.durable,
    stop() {
      stopped = true
    },
  }
}
