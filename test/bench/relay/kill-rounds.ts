/**
 * Kills a relay with SIGKILL at random moments under load, starts it again on the same data, and
 * counts the updates that it had acked as durable and does not have any more. There must be none.
 */
import { join } from 'node:path'
import * as Y from 'yjs'
import { type RandomSource, randomFraction } from '../../../src/base/random.ts'
import { readUpdateStructure } from '../../../src/model/update-structure.ts'
import { decodeMessage } from '../../../src/protocol/frame.ts'
import { type RelayProcess, startRelayProcess } from '../../support/relay-process.ts'
import { AckedWriter } from './acked-writer.ts'
import { connectClient } from './bench-client.ts'
import { statemesh } from './dialect.ts'
import { mapName, numberedKey, numberedValue } from './numbered-updates.ts'
import { TextUpdates } from './text-updates.ts'

export interface KillTotals {
  rounds: number
  /** Updates acked as durable, those of them that were there after the kill, and the others. */
  acked: number
  survived: number
  lost: number
}

export interface KillOptions {
  /** An empty directory. */
  directory: string
  rounds: number
  random: RandomSource
}

const documents = 3
const inFlight = 300
/** Long enough that some rounds end in a compaction. */
const loadMillisecondsMax = 2_000

interface Claim {
  readonly document: string
  readonly acked: number
  /** The updates themselves, of a text. */
  readonly updates?: readonly Uint8Array[]
}

export async function killRounds({ directory, rounds, random }: KillOptions): Promise<KillTotals> {
  const data = join(directory, 'relay')
  const totals: KillTotals = { rounds: 0, acked: 0, survived: 0, lost: 0 }
  const claims: Claim[] = []
  let relay = await startRelayProcess({ data })
  try {
    for (let round = 1; round <= rounds; round++) {
      // Most kills early, some late.
      const milliseconds = loadMillisecondsMax * randomFraction(random) ** 3
      const claimed = await loadUntilKilled(relay, round, milliseconds, random)
      claims.push(...claimed)
      relay = await startRelayProcess({ data })
      totals.rounds += 1
      for (const claim of claimed) count(totals, claim, await survivors(relay, claim))
    }
    // What survived its own kill must survive all later ones.
    for (const claim of claims) totals.lost += claim.acked - (await survivors(relay, claim))
    return totals
  } finally {
    await relay.kill('SIGKILL')
  }
}

function count(totals: KillTotals, { acked }: Claim, survived: number): void {
  totals.acked += acked
  totals.survived += survived
}

async function loadUntilKilled(
  relay: RelayProcess,
  round: number,
  milliseconds: number,
  random: RandomSource,
): Promise<Claim[]> {
  const { url } = relay
  const text = new TextUpdates(round, random)
  const writers: AckedWriter[] = []
  const fill = (writer: AckedWriter): void => {
    const room = writer.acked + inFlight - writer.sent
    if (room > 0) writer.send(room)
  }
  for (let index = 0; index < documents; index++) {
    const document = `room:kill-${round}-${index}/notes`
    const typed = index === 0 ? { makeUpdate: () => text.next() } : {}
    writers.push(
      await AckedWriter.connect({ url, document, clientID: round, onAck: fill, ...typed }),
    )
  }
  for (const writer of writers) fill(writer)
  await new Promise(resolve => setTimeout(resolve, milliseconds))
  await relay.kill('SIGKILL')
  // Acks may still be on their way to us.
  await Promise.all(writers.map(({ closed }) => closed))
  return writers.map(({ document, acked }, index) => {
    const typed = index === 0 ? { updates: text.made.slice(0, acked) } : {}
    return { document, acked, ...typed }
  })
}

/** How many of the updates that were acked the relay has, content and all. */
async function survivors({ url }: RelayProcess, claim: Claim): Promise<number> {
  const { document, acked, updates } = claim
  const doc = new Y.Doc()
  const client = await connectClient({
    url,
    document,
    dialect: statemesh,
    onMessage: message => {
      for (const frame of decodeMessage(message)) {
        if (frame.type === 'state') Y.applyUpdate(doc, frame.update)
      }
    },
  })
  client.end()
  if (updates !== undefined) return updates.filter(update => has(doc, update)).length
  const entries = doc.getMap(mapName)
  let present = 0
  for (let number = 1; number <= acked; number++) {
    if (entries.get(numberedKey(number)) === numberedValue(number)) present += 1
  }
  return present
}

/** Whether a document has all that an update brings, deletions among it. */
function has(doc: Y.Doc, update: Uint8Array): boolean {
  const structure = readUpdateStructure(update)
  for (const { client, end } of structure.blocks)
    if (Y.getState(doc.store, client) < end) return false
  for (const [client, ranges] of structure.deletes) {
    for (const { clock, length } of ranges) {
      for (let at = clock; at < clock + length; at++) {
        if (!Y.getItem(doc.store, Y.createID(client, at)).deleted) return false
      }
    }
  }
  return true
}
