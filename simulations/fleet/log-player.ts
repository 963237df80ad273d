/** Appends to a log, and checks here what can be: nothing doubled, nothing out of order. */
import { definePartition } from '../../src/model/partition-definition.ts'
import { room } from '../../src/model/scope.ts'
import type { LogPartition } from '../../src/partition/log/log-partition.ts'
import type { Player } from '../workloads/workload.ts'
import type { FleetSeat } from './worker-seat.ts'

const definition = definePartition({ name: 'events', policy: 'log' })

/** @param life tells the entries of one life of the process from those of another */
export async function logPlayer(seat: FleetSeat, life: number): Promise<Player> {
  const { partition } = await seat.open(room('fleet'), definition)
  return new LogPlayer(seat, partition as LogPartition, life)
}

class LogPlayer implements Player {
  readonly #seat: FleetSeat
  readonly #log: LogPartition
  readonly #life: number
  #appended = 0

  constructor(seat: FleetSeat, log: LogPartition, life: number) {
    this.#seat = seat
    this.#log = log
    this.#life = life
  }

  act(): void {
    const { name, dice } = this.#seat
    const values = Array.from({ length: 1 + dice.below(3) }, () => {
      this.#appended += 1
      return `${name}-${this.#life}-${this.#appended}`
    })
    this.#log.appendAll(values)
  }

  look(): void {
    // Reading all of it costs as much as many operations: `view` does.
  }

  view(): string {
    const seen = new Set<unknown>()
    const last = new Map<number, number>()
    for (const { writer, seq, value } of this.#log.entries()) {
      if (seen.has(value)) this.#broken(`entry ${String(value)} is there twice`)
      if (seq <= (last.get(writer) ?? -1)) this.#broken(`writer ${writer} is out of order`)
      seen.add(value)
      last.set(writer, seq)
    }
    const [problem] = this.#log.verify().problems
    if (problem !== undefined) this.#broken(problem.error.message)
    return [...seen].join(' ')
  }

  #broken(why: string): void {
    this.#seat.record({ kind: 'broken', message: `exact logs: ${this.#seat.name}: ${why}` })
  }
}
