/**
 * A real history of two people who edited one text at once, replayed with its true concurrency by
 * two replicas over a relay: each step is made by a replica that has seen exactly its parents.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import * as Y from 'yjs'
import {
  type CrdtPartition,
  createMemoryStorage,
  definePartition,
  openReplica,
  type Replica,
  room,
  websocketTransport,
} from '../../../src/index.ts'
import { startRelayProcess } from '../../support/relay-process.ts'
import { inRepository } from '../../support/repository.ts'
import { inDirectory } from '../directory.ts'
import { type Benchmark, Skip } from '../figure.ts'
import { type GatedTransport, gatedTransport } from '../trace/gated-transport.ts'
import { type History, readHistory } from '../trace/history.ts'

const file = inRepository('..', 'shared', 'data', 'friendsforever.json.gz')
const Story = definePartition({ name: 'story', policy: 'crdt' })
const timeout = { timeoutMilliseconds: 60_000 }

interface Author {
  readonly replica: Replica
  readonly transport: GatedTransport
  readonly story: CrdtPartition
  readonly text: Y.Text
  /** The clock of this author's client after each of its steps, that before the first at 0. */
  readonly clocks: number[]
  /** How many steps of the other author it has seen. */
  seen: number
}

async function openAuthor(name: string, storage: string, relay: string): Promise<Author> {
  const transport = gatedTransport(websocketTransport())
  const replica = await openReplica({ actor: name, storage, relay, transport })
  const story = await replica.open(room('friends'), Story)
  await replica.synced(timeout)
  return { replica, transport, story, text: story.text('body'), clocks: [0], seen: 0 }
}

/** Lets `reader` see exactly the first `steps` steps of `writer`. */
async function show(reader: Author, writer: Author, steps: number): Promise<void> {
  for (; reader.seen < steps; reader.seen++) await reader.transport.step()
  const known = Y.getState(reader.story.doc.store, writer.story.doc.clientID)
  if (known !== writer.clocks[steps]) {
    throw new Error(`a replica has seen ${known} of another and should ${writer.clocks[steps]}`)
  }
}

async function replay({ steps }: History, authors: readonly Author[]): Promise<void> {
  for (const { agent, seen, patches } of steps) {
    const author = authors[agent] as Author
    for (const [other, count] of seen.entries()) {
      if (other !== agent) await show(author, authors[other] as Author, count)
    }
    author.story.transact(() => {
      for (const [position, deleted, inserted] of patches) {
        if (deleted > 0) author.text.delete(position, deleted)
        if (inserted !== '') author.text.insert(position, inserted)
      }
    })
    author.clocks.push(Y.getState(author.story.doc.store, author.story.doc.clientID))
  }
}

/** Lets every author see all steps. */
async function replayRest(authors: readonly Author[]): Promise<void> {
  for (const reader of authors) {
    for (const writer of authors) {
      if (writer !== reader) await show(reader, writer, writer.clocks.length - 1)
    }
  }
}

/** The text that somebody gets from the relay who has nothing of it. */
async function textAtRelay(relay: string): Promise<string> {
  const replica = await openReplica({ actor: 'reader', storage: createMemoryStorage(), relay })
  try {
    const story = await replica.open(room('friends'), Story)
    await replica.synced(timeout)
    return story.text('body').toString()
  } finally {
    await replica.close()
  }
}

async function run(): Promise<Record<string, number>> {
  if (!existsSync(file)) throw new Skip(`${file.slice(inRepository('..').length + 1)} is absent`)
  const history = await readHistory(file)
  if (history.agents !== 2) throw new Error('the history is not one of two people')
  return inDirectory(async directory => {
    const relay = await startRelayProcess({ data: join(directory, 'relay') })
    const authors: Author[] = []
    try {
      for (let index = 0; index < history.agents; index++) {
        authors.push(await openAuthor(`author-${index}`, join(directory, `${index}`), relay.url))
      }
      // A few concurrent insertions do meet in one place. Yjs orders those by clientID, and the
      // known text is the one with the first agent's before the second's.
      authors.sort((a, b) => a.story.doc.clientID - b.story.doc.clientID)
      const start = performance.now()
      await replay(history, authors)
      await Promise.all(authors.map(({ replica }) => replica.flush(timeout)))
      const seconds = (performance.now() - start) / 1000
      await replayRest(authors)
      const texts = authors.map(({ text }) => text.toString())
      texts.push(await textAtRelay(relay.url))
      if (texts.some(text => text !== history.text))
        throw new Error('the texts are not the known one')
      return {
        'updates-per-s': history.steps.length / seconds,
        bytes: Y.encodeStateAsUpdate((authors[0] as Author).story.doc).length,
        'sent-bytes': authors.reduce((sum, { transport }) => sum + transport.sentBytes, 0),
      }
    } finally {
      for (const { replica } of authors) await replica.close()
      await relay.kill()
    }
  })
}

export const benchmarks: readonly Benchmark[] = [
  // The document as Yjs encodes it, and what both replicas sent to get it there.
  {
    figures: { 'updates-per-s': 'updates/s', bytes: 'bytes', 'sent-bytes': 'bytes' },
    runs: 3,
    run,
  },
]
