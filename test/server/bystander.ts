/** A client at work on a document of its own, to see that it is left alone. */
import { performance } from 'node:perf_hooks'
import { frameClient } from './frame-client.ts'
import { writer } from './writer.ts'

export interface Bystander {
  /** Writes, and resolves with the milliseconds until that was durable. */
  works(): Promise<number>
}

export async function bystander(
  url: string,
  document: string = 'room:r1/bystander',
): Promise<Bystander> {
  const client = await frameClient(url)
  await client.open(document)
  const { append } = writer(9)
  let seq = 0
  return {
    async works() {
      seq += 1
      const update = append('x')
      const begun = performance.now()
      client.send(
        seq === 1
          ? { type: 'state', channel: 1, seq, last: true, update }
          : { type: 'update', channel: 1, seq, update },
      )
      await client.next('ack', frame => frame.level === 'durable' && frame.seq === seq)
      return performance.now() - begun
    },
  }
}
