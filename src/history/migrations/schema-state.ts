/**
 * Which versions a partition was migrated to, in registers beside it: one key for each version, which
 * always holds the same, so that several replicas may write it at once.
 */
import { timestampMilliseconds } from '../../clock/hybrid-clock.ts'
import { definePartition, type PartitionDefinition } from '../../model/partition-definition.ts'
import type { RegisterPartition } from '../../partition/register/register-partition.ts'
import { type MigrationsDefinition, schemaName } from './migration-definition.ts'

/** A migration that somebody made. */
export interface Migration {
  readonly version: number
  readonly actor: string
  /** In milliseconds since the epoch. */
  readonly time: number
}

export function schemaPartition({
  of,
}: MigrationsDefinition): PartitionDefinition<{ readonly migrated: true }, 'last-write-wins'> {
  return definePartition<{ readonly migrated: true }, 'last-write-wins'>({
    name: schemaName(of.name),
    policy: 'last-write-wins',
  })
}

export class SchemaState {
  readonly #registers: RegisterPartition<{ readonly migrated: true }>
  readonly #owner: string | undefined

  constructor(
    registers: RegisterPartition<{ readonly migrated: true }>,
    owner: string | undefined,
  ) {
    this.#registers = registers
    this.#owner = owner
  }

  /** What was migrated to, the highest version first; what is not by the owner does not count. */
  list(): Migration[] {
    const found = [...this.#registers.keys()].flatMap(key => {
      const version = Number(key)
      // The first to say so: others who did it at once say the same.
      const first = this.#registers.siblings(key).findLast(({ actor }) => {
        return this.#owner === undefined || actor === this.#owner
      })
      if (!Number.isSafeInteger(version) || version < 2 || first === undefined) return []
      const time = timestampMilliseconds(first.timestamp as never)
      return [Object.freeze({ version, actor: first.actor, time })]
    })
    return found.sort((a, b) => b.version - a.version)
  }

  /** The highest version that was migrated to; 1 before any. */
  get version(): number {
    return this.list()[0]?.version ?? 1
  }

  add(version: number): void {
    this.#registers.set(String(version), { migrated: true })
  }

  close(): void {
    this.#registers.close()
  }
}
