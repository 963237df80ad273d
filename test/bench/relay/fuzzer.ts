/** Sends damaged messages to a relay, its first argument, by the seed in the second, until told. */
import { fuzzRelay } from '../../server/relay-fuzz.ts'

const [, , url = '', seed = '1'] = process.argv
const roundMessages = 200

let stopping = false
process.once('message', () => {
  stopping = true
})

let sent = 0
for (let round = 0; !stopping; round++) {
  const outcome = await fuzzRelay({ url, seed: Number(seed) + round, messages: roundMessages })
  if (outcome.closes.has(1011)) throw new Error(`the relay failed inside; seed ${seed}`)
  sent += outcome.sent
}
process.send?.(sent)
process.disconnect()
