/**
 * State of plugins, each apart from the others: a plugin's container is a document of its own, and
 * holds nothing that leads anywhere else. So there is no key, however it is made, that reaches
 * another plugin's state: keys are looked up in one document only.
 */
import { Emitter } from '../base/emitter.ts'
import { StatemeshError } from '../base/error.ts'
import { checkId } from '../model/id.ts'
import { definePartition } from '../model/partition-definition.ts'
import type { Scope } from '../model/scope.ts'
import { canonicalText, utf8Length } from '../model/value.ts'
import type { RegisterChange, RegisterPartition } from '../partition/register/register-partition.ts'
import type { OpenOptions, StateReplica } from './replica-port.ts'

export interface PluginQuota {
  /** 10,000 unless given. */
  readonly keysMax?: number
  /** The bytes of keys and values, as text; 4 MiB unless given. */
  readonly bytesMax?: number
}

export interface PluginUsage {
  readonly keys: number
  readonly bytes: number
  /** Whether it is beyond its quota: replicas that do not see each other may each fill it. */
  readonly exceeded: boolean
}

export type PluginChange = RegisterChange<unknown>

const keysMaxDefault = 10_000
const bytesMaxDefault = 4 * 1024 * 1024

/**
 * Opens the container of a plugin. Give the plugin the container, and not the replica.
 *
 * @param plugin its name; any id that is short enough, `@scope/name` too
 * @throws ID_INVALID, OPTION_INVALID for a quota that is no integer, and as `Replica.open` does
 */
export async function openPluginState(
  replica: StateReplica,
  scope: Scope,
  plugin: string,
  options: OpenOptions & { quota?: PluginQuota } = {},
): Promise<PluginState> {
  const { quota = {}, ...opening } = options
  const { keysMax = keysMaxDefault, bytesMax = bytesMaxDefault } = quota
  const limits = { keysMax: limit(keysMax), bytesMax: limit(bytesMax) }
  const definition = definePartition<unknown, 'last-write-wins'>({
    name: partitionOf(plugin),
    policy: 'last-write-wins',
  })
  const registers = await replica.open(scope, definition, opening)
  return new PluginState(registers as unknown as RegisterPartition, limits)
}

/**
 * The partition of a plugin: no two names have one. What is not a lower-case letter, a digit or `-`
 * is written as `_` and its bytes in hexadecimal, two digits each.
 */
function partitionOf(plugin: string): string {
  const name = checkId(plugin, 'the name of a plugin').replace(/[^a-z0-9-]/gu, character => {
    return [...new TextEncoder().encode(character)]
      .map(byte => `_${byte.toString(16).padStart(2, '0')}`)
      .join('')
  })
  const partition = `plugin-${name}`
  if (partition.length > 64)
    throw new StatemeshError('ID_INVALID', 'the name of a plugin is too long')
  return partition
}

export class PluginState {
  readonly #registers: RegisterPartition
  readonly #limits: Required<PluginQuota>
  readonly #sizes = new Map<string, number>()
  readonly #listeners = new Emitter<{ change: PluginChange }>()
  #bytes = 0

  /** Not for users: `openPluginState` makes it. */
  constructor(registers: RegisterPartition, limits: Required<PluginQuota>) {
    this.#registers = registers
    this.#limits = limits
    for (const [key, value] of registers.entries()) this.#count(key, value)
    registers.subscribe(changes => {
      for (const { key, value } of changes) this.#count(key, value)
      for (const change of changes) this.#listeners.emit('change', change)
    })
  }

  /** @throws CLOSED */
  get(key: string): unknown {
    return this.#registers.get(key)
  }

  /** @throws CLOSED */
  has(key: string): boolean {
    return this.#registers.has(key)
  }

  /** @throws CLOSED */
  keys(): string[] {
    return [...this.#registers.keys()]
  }

  /**
   * Writes a value: at once here, later everywhere.
   *
   * @throws QUOTA_EXCEEDED, KEY_INVALID, VALUE_INVALID; nothing is written. CLOSED
   */
  set(key: string, value: unknown): void {
    const { keysMax, bytesMax } = this.#limits
    const size = sizeOf(key, value)
    const before = this.#sizes.get(key)
    const keys = this.#sizes.size + (before === undefined ? 1 : 0)
    const bytes = this.#bytes + size - (before ?? 0)
    // What makes it smaller is welcome even where there is too much already.
    const grows = keys > this.#sizes.size || bytes > this.#bytes
    if (grows && (keys > keysMax || bytes > bytesMax)) {
      const why = `a plugin has at most ${keysMax} keys and ${bytesMax} bytes`
      throw new StatemeshError('QUOTA_EXCEEDED', why)
    }
    this.#registers.set(key, value)
    this.#count(key, value)
  }

  /** @returns false if there was nothing to delete @throws KEY_INVALID, CLOSED */
  delete(key: string): boolean {
    const deleted = this.#registers.delete(key)
    this.#count(key, this.#registers.get(key))
    return deleted
  }

  /** How much of its quota it uses. @throws CLOSED */
  usage(): PluginUsage {
    const { keysMax, bytesMax } = this.#limits
    const keys = this.#sizes.size
    const exceeded = keys > keysMax || this.#bytes > bytesMax
    return Object.freeze({ keys, bytes: this.#bytes, exceeded })
  }

  /** Calls `listener` for every key that changed, here or elsewhere. @returns ends it */
  subscribe(listener: (change: PluginChange) => void): () => void {
    return this.#listeners.on('change', listener)
  }

  /** Gives the document back. Later calls throw CLOSED. */
  close(): void {
    this.#registers.close()
  }

  #count(key: string, value: unknown): void {
    const size = value === undefined ? 0 : sizeOf(key, value)
    this.#bytes += size - (this.#sizes.get(key) ?? 0)
    if (value === undefined) this.#sizes.delete(key)
    else this.#sizes.set(key, size)
  }
}

/** @throws VALUE_INVALID for what cannot be stored */
function sizeOf(key: string, value: unknown): number {
  return Math.abs(utf8Length(`${key}`)) + utf8Length(canonicalText(value))
}

/** @throws OPTION_INVALID */
function limit(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new StatemeshError('OPTION_INVALID', 'a quota is an integer from 0')
}
