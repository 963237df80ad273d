/** A replica of the random fleet, what its actor does with it, and what it was promised. */
import * as Y from 'yjs'
import type { RandomSource } from '../../../src/base/random.ts'
import {
  type CounterPartition,
  type CrdtPartition,
  definePartition,
  type MemoryNetwork,
  openReplica,
  type RegisterPartition,
  type Replica,
  room,
} from '../../../src/index.ts'
import { registersRoot, splitRowName } from '../../../src/partition/register/register-entry.ts'
import { address } from '../fleet.ts'
import type { Ledger, Write } from './ledger.ts'
import { below, type Machine, type Process } from './machine.ts'

const Users = definePartition<string>({ name: 'users', policy: 'last-write-wins' })
const Notes = definePartition({ name: 'notes', policy: 'crdt' })
const Hits = definePartition({ name: 'hits', policy: 'counter' })

const scope = room('r1')
export const documents = ['room:r1/users', 'room:r1/notes', 'room:r1/hits'] as const

interface Handles {
  users?: RegisterPartition<string>
  notes?: CrdtPartition
  hits?: CounterPartition
}

export interface FleetNodeOptions {
  name: string
  machine: Machine
  network: MemoryNetwork
  random: RandomSource
  ledger: Ledger
  /** Told of what must not happen. */
  wrong(what: string): void
  /** The ids of the writes on the disk of the relay. */
  onRelayDisk(): ReadonlySet<string>
}

export class FleetNode {
  readonly name: string
  readonly machine: Machine
  replica: Replica | undefined
  handles: Handles = {}
  readonly #options: FleetNodeOptions
  #process: Process | undefined
  /** What the replica has, if it keeps its word. */
  #written: Write[] = []

  constructor(options: FleetNodeOptions) {
    this.#options = options
    this.name = options.name
    this.machine = options.machine
  }

  async start(): Promise<void> {
    const { network, random, wrong } = this.#options
    const process = this.machine.start()
    this.#process = process
    this.replica = await openReplica({
      actor: this.name,
      storage: process.storage,
      relay: address,
      transport: process.dialler(network),
      time: process.time,
      random,
      idleMilliseconds: 300,
    })
    this.replica.on('warning', ({ code, message }) => {
      if (code !== 'STORAGE_UNAVAILABLE') wrong(`${this.name} warns: ${code} ${message}`)
    })
    this.replica.on('rejected', ({ document, error }) => {
      if (!error.retryable) wrong(`${document} of ${this.name} rejected: ${error.message}`)
    })
  }

  /** Ends the process; cleanly, if the disk lets it. */
  async stop(): Promise<void> {
    const closing = this.replica?.close()
    this.replica = undefined
    this.handles = {}
    try {
      await closing
    } catch {
      // A disk that failed: whatever was not on it is gone.
      this.kill()
    }
  }

  kill(): void {
    this.machine.kill()
    this.replica = undefined
    this.handles = {}
    this.#written = this.#written.filter(({ local }) => local)
  }

  /** Resolves when the present process is killed. */
  get death(): Promise<void> {
    return this.#process?.death ?? Promise.resolve()
  }

  cut(): void {
    this.#process?.cut()
  }

  async open(): Promise<void> {
    const { replica } = this
    if (replica === undefined) return
    try {
      const opened = {
        users: await replica.open(scope, Users),
        notes: await replica.open(scope, Notes),
        hits: await replica.open(scope, Hits),
      }
      if (this.replica === replica) this.handles = opened
    } catch (thrown) {
      if (this.replica === replica) throw thrown // else it was closed meanwhile
    }
  }

  closeHandle(): void {
    const { random } = this.#options
    const name = (['users', 'notes', 'hits'] as const)[below(random, 3)] as keyof Handles
    this.handles[name]?.close()
    delete this.handles[name]
  }

  /** What was written so far is promised when the flush is over. */
  async flush(level: 'local' | 'durable'): Promise<void> {
    const { replica } = this
    const written = [...this.#written]
    try {
      await replica?.flush({ level, timeoutMilliseconds: 20_000 })
    } catch {
      return // it promised nothing
    }
    if (replica === undefined) return
    if (level === 'durable') {
      const { ledger, onRelayDisk, wrong } = this.#options
      for (const what of ledger.broken(written, onRelayDisk())) wrong(what)
    }
    for (const write of written) {
      write.local = true
      if (level === 'durable') write.promised = true
    }
  }

  setKeys(): void {
    const { users } = this.handles
    if (users === undefined) return
    const { random } = this.#options
    const keys = new Set([below(random, 4), below(random, 4)].map(index => `k${index}`))
    const seen = [...keys].map(key => [key, siblingIds(users, key)] as const)
    users.transact(() => {
      for (const key of keys) users.set(key, `${this.name} ${below(random, 1_000)}`)
    })
    for (const [key, replaced] of seen) this.#wroteKey(users, key, replaced)
  }

  deleteKey(): void {
    const { users } = this.handles
    if (users === undefined) return
    const key = `k${below(this.#options.random, 4)}`
    const replaced = siblingIds(users, key)
    if (users.delete(key)) this.#wroteKey(users, key, replaced)
  }

  editText(): void {
    const text = this.handles.notes?.text('body')
    if (text === undefined) return
    const { random, ledger } = this.#options
    if (below(random, 3) === 0 && text.length > 0) {
      const start = below(random, text.length)
      const end = start + 1 + below(random, 3)
      for (const character of text.toString().slice(start, end)) ledger.remove(character)
      text.delete(start, Math.min(end, text.length) - start)
      return
    }
    const inserted = ledger.newCharacters(2)
    text.insert(below(random, text.length + 1), inserted)
    for (const character of inserted) this.#written.push(ledger.write(character))
  }

  count(): void {
    const { hits } = this.handles
    if (hits === undefined) return
    hits.increment('all')
    this.#written.push(this.#options.ledger.count())
  }

  /** The ids of the writes that are there to be read. */
  there(): Set<string> {
    const { users, notes } = this.handles
    const there = new Set<string>(notes?.text('body').toString())
    if (users === undefined) return there
    for (const key of ['k0', 'k1', 'k2', 'k3']) {
      for (const id of siblingIds(users, key)) there.add(id)
    }
    return there
  }

  #wroteKey(users: RegisterPartition<string>, key: string, replaced: readonly string[]): void {
    const [id] = siblingIds(users, key)
    if (id === undefined) throw new Error(`${key} is not there after it was written`)
    this.#written.push(this.#options.ledger.write(id, replaced))
  }
}

/** The ids of the writes in stored updates of the documents. */
export function storedIds(stored: (document: string) => Uint8Array): Set<string> {
  const [users, notes] = documents.map(document => {
    const doc = new Y.Doc()
    Y.applyUpdate(doc, stored(document))
    return doc
  }) as [Y.Doc, Y.Doc]
  const ids = new Set<string>(notes.getText('body').toString())
  for (const [row, entry] of users.getMap<{ t: number }>(registersRoot)) {
    const { key, writer } = splitRowName(row) ?? { key: row, writer: -1 }
    ids.add(`${key} ${writer} ${entry.t}`)
  }
  return ids
}

function siblingIds(users: RegisterPartition<string>, key: string): string[] {
  return users.siblings(key).map(({ writer, timestamp }) => `${key} ${writer} ${timestamp}`)
}
