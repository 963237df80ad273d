/**
 * Versions of a partition, and the log of what was turned back, in a partition of registers beside
 * it. A version is the values of a moment and the state vector of the document then. The values are
 * copied because Yjs frees what was overwritten; the state vector tells later which writes the
 * version had seen.
 */
import { StatemeshError } from '../../base/error.ts'
import { type RandomSource, randomId } from '../../base/random.ts'
import { timestampMilliseconds } from '../../clock/hybrid-clock.ts'
import { definePartition } from '../../model/partition-definition.ts'
import type { Scope } from '../../model/scope.ts'
import { decodeValue, encodeValue } from '../../model/value.ts'
import type { RegisterPartition } from '../../partition/register/register-partition.ts'
import { fromChunks, toChunks } from '../chunked-values.ts'
import { type HistoryDefinition, versionsName } from '../history-definition.ts'
import type { HistoryReplica } from '../replica-port.ts'
import { chunksMax, fieldsOf, isClocks, isCount, isText } from '../stored-fields.ts'
import { viewDigest } from '../view-digest.ts'
import { PastView } from './past-view.ts'

export interface Version {
  readonly id: string
  /** Undefined for one that was taken automatically. */
  readonly name: string | undefined
  readonly actor: string
  /** When it was taken, in milliseconds since the epoch. */
  readonly time: number
  /** The hybrid timestamp. */
  readonly timestamp: number
  /** How many keys it has. */
  readonly size: number
  /** Of its keys and values; see `viewDigest`. */
  readonly digest: string
}

/** What somebody turned back, as it was logged. */
export interface LoggedReversal {
  readonly id: string
  readonly kind: 'rollback' | 'undo'
  readonly actor: string
  readonly time: number
  readonly timestamp: number
  /** The version that was rolled back to, or the actor whose changes were undone. */
  readonly target: string
  /** The keys that it wrote. */
  readonly keys: readonly string[]
  /** What of each writer it had seen, by clock of Yjs. */
  readonly seen: ReadonlyMap<number, number>
  /** The names of its writes. */
  readonly write: { readonly writer: number; readonly timestamp: number } | undefined
}

interface Head {
  readonly name?: string
  readonly size: number
  readonly digest: string
  readonly chunks: number
  readonly seen: ReadonlyMap<number, number>
}

/** How many reversals stay in the log. */
const reversalsMax = 100

export class VersionStore<Value> {
  readonly #definition: HistoryDefinition<Value>
  readonly #registers: RegisterPartition<unknown>
  readonly #random: RandomSource

  private constructor(
    definition: HistoryDefinition<Value>,
    registers: RegisterPartition<unknown>,
    random: RandomSource,
  ) {
    this.#definition = definition
    this.#registers = registers
    this.#random = random
  }

  static async open<Value>(
    replica: HistoryReplica,
    scope: Scope,
    definition: HistoryDefinition<Value>,
    options: { actor: string; random: RandomSource },
  ): Promise<VersionStore<Value>> {
    const { actor, random } = options
    const partition = definePartition<unknown, 'last-write-wins'>({
      name: versionsName(definition.of.name),
      policy: 'last-write-wins',
    })
    return new VersionStore(definition, await replica.open(scope, partition, { actor }), random)
  }

  /** The newest first. */
  list(): Version[] {
    return this.#heads().map(({ version }) => version)
  }

  /** A version by its id, or the newest of a name, among all. @throws VERSION_UNKNOWN */
  find(idOrName: string, versions: readonly Version[] = this.list()): Version {
    const found =
      versions.find(({ id }) => id === idOrName) ?? versions.find(({ name }) => name === idOrName)
    if (found !== undefined) return found
    const shown = JSON.stringify(String(idOrName).slice(0, 100))
    throw new StatemeshError('VERSION_UNKNOWN', `${this.#definition.of.name}: no version ${shown}`)
  }

  /** The values of a version. @throws VERSION_UNKNOWN when it is gone, or not whole here */
  view({ id, time, digest }: Version): PastView<Value> {
    const head = this.#heads().find(({ version }) => version.id === id)?.head
    const chunks = chunkKeys(id, head?.chunks ?? 0).map(key => this.#registers.get(key))
    if (head !== undefined && !chunks.includes(undefined)) {
      const values = fromChunks(chunks)
      const view = new PastView<Value>(
        time,
        [...values].map(([key, { value }]) => [key, value]),
      )
      if (viewDigest(view) === digest) return view
    }
    throw new StatemeshError('VERSION_UNKNOWN', `version ${id} is gone, or not whole`)
  }

  /** Keeps a version, and drops those that are one too many. @throws VALUE_INVALID */
  add(parts: {
    name: string | undefined
    values: readonly (readonly [string, Value])[]
    seen: ReadonlyMap<number, number>
  }): Version {
    const { name, values, seen } = parts
    const stored = values.map(([key, value]) => [key, decodeValue(encodeValue(value))] as const)
    const chunks = toChunks(stored)
    const digest = viewDigest(values)
    const head: Head = {
      ...(name !== undefined && { name }),
      size: values.length,
      digest,
      chunks: chunks.length,
      seen,
    }
    const registers = this.#registers
    const id = randomId(this.#random)
    registers.transact(() => {
      registers.set(`version:${id}`, head)
      for (const [index, key] of chunkKeys(id, chunks.length).entries()) {
        registers.set(key, chunks[index])
      }
    })
    const versions = this.list()
    const version = this.find(id, versions)
    this.#dropSurplus(version, versions)
    return version
  }

  /** Drops a version. */
  remove({ id }: Version): void {
    const registers = this.#registers
    registers.transact(() => {
      for (const key of [...registers.keys()]) {
        if (key === `version:${id}` || key.startsWith(`chunk:${id}:`)) registers.delete(key)
      }
    })
  }

  /** Logs a reversal. */
  log(reversal: Pick<LoggedReversal, 'kind' | 'target' | 'keys' | 'seen' | 'write'>): string {
    const { kind, target, keys, seen, write } = reversal
    const id = randomId(this.#random)
    const registers = this.#registers
    registers.set(`reversal:${id}`, { kind, target, keys, seen, ...(write && { write }) })
    if (this.#keys('reversal:').length > reversalsMax) {
      for (const { id: old } of this.reversals().slice(reversalsMax)) {
        registers.delete(`reversal:${old}`)
      }
    }
    return id
  }

  /** The newest first. */
  reversals(): LoggedReversal[] {
    return this.#read('reversal:', readReversal).map(({ id, value, entry }) => {
      const { kind, target, keys, seen, write } = value
      return Object.freeze({ id, kind, target, keys, seen, write, ...entry })
    })
  }

  close(): void {
    this.#registers.close()
  }

  #heads(): { version: Version; head: Head }[] {
    const { owner } = this.#definition
    const heads = this.#read('version:', readHead).map(({ id, value: head, entry }) => {
      const { name, size, digest } = head
      return { head, version: Object.freeze({ id, name, size, digest, ...entry }) }
    })
    // Whoever is not the owner cannot be kept from writing here, but from being read.
    return heads.filter(({ version }) => owner === undefined || version.actor === owner)
  }

  #keys(prefix: string): string[] {
    return [...this.#registers.keys()].filter(key => key.startsWith(prefix))
  }

  /** What is there under a prefix, the newest first; what is malformed is left out. */
  #read<Content>(prefix: string, parse: (value: unknown) => Content | undefined) {
    const registers = this.#registers
    const found = this.#keys(prefix).flatMap(key => {
      const [entry] = registers.siblings(key)
      const value = parse(entry?.value)
      if (entry === undefined || value === undefined) return []
      const { actor, timestamp } = entry
      const time = timestampMilliseconds(timestamp as never)
      return [{ id: key.slice(prefix.length), value, entry: { actor, timestamp, time } }]
    })
    return found.sort((a, b) => b.entry.timestamp - a.entry.timestamp || (a.id < b.id ? 1 : -1))
  }

  /** Never the one just taken: where clocks differ it may seem older than those that are there. */
  #dropSurplus({ id, name: own }: Version, versions: readonly Version[]): void {
    const others = versions.filter(version => {
      return version.id !== id && (version.name !== undefined) === (own !== undefined)
    })
    for (const version of others.slice(this.#definition.versionsMax - 1)) this.remove(version)
  }
}

function readHead(value: unknown): Head | undefined {
  const { name, size, digest, chunks, seen } = fieldsOf(value)
  if (name !== undefined && !isText(name)) return undefined
  if (!isCount(size) || !isText(digest) || !isClocks(seen)) return undefined
  if (!isCount(chunks) || chunks > chunksMax) return undefined
  return { ...(name !== undefined && { name }), size, digest, chunks, seen }
}

type ReversalFields = Pick<LoggedReversal, 'kind' | 'target' | 'keys' | 'seen' | 'write'>

function readReversal(value: unknown): ReversalFields | undefined {
  const { kind, target, keys, seen, write } = fieldsOf(value)
  if ((kind !== 'rollback' && kind !== 'undo') || !isText(target) || !isClocks(seen))
    return undefined
  if (!Array.isArray(keys) || !keys.every(isText)) return undefined
  if (write === undefined) return { kind, target, keys, seen, write }
  const { writer, timestamp } = fieldsOf(write)
  if (!isCount(writer) || !isCount(timestamp)) return undefined
  return { kind, target, keys, seen, write: { writer, timestamp } }
}

function chunkKeys(id: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `chunk:${id}:${index}`)
}
