/** Logs: nothing doubled, nothing out of its writer's order, one order for all. */
import { definePartition } from '../../src/model/partition-definition.ts'
import { room } from '../../src/model/scope.ts'
import type { LogPartition } from '../../src/partition/log/log-partition.ts'
import { Violation } from '../checkers/violation.ts'
import type { Player, Seat, Workload } from './workload.ts'

const definition = definePartition({ name: 'events', policy: 'log' })

export const logs: Workload = {
  name: 'logs',
  plan() {
    let appended = 0
    return {
      async join(seat: Seat): Promise<Player> {
        const { partition } = await seat.open(room('sim'), definition)
        const fresh = () => {
          appended += 1
          return appended
        }
        return new LogPlayer(seat, partition as LogPartition, fresh)
      },
    }
  },
}

class LogPlayer implements Player {
  readonly #seat: Seat
  readonly #log: LogPartition
  readonly #fresh: () => number

  constructor(seat: Seat, log: LogPartition, fresh: () => number) {
    this.#seat = seat
    this.#log = log
    this.#fresh = fresh
  }

  act(): void {
    const values = Array.from({ length: 1 + this.#seat.dice.below(3) }, this.#fresh)
    this.#log.appendAll(values)
  }

  look(): void {
    if (this.#seat.dice.chance(0.05)) this.#check()
  }

  view(): string {
    this.#check()
    return [...this.#log.entries()].map(({ value }) => value).join(' ')
  }

  #check(): void {
    const seen = new Set<unknown>()
    const last = new Map<number, number>()
    for (const { writer, seq, value } of this.#log.entries()) {
      if (seen.has(value)) this.#broken(`entry ${String(value)} is there twice`)
      if (seq <= (last.get(writer) ?? -1)) this.#broken(`writer ${writer} is out of order`)
      seen.add(value)
      last.set(writer, seq)
    }
    const [problem] = this.#log.verify().problems
    if (problem !== undefined && problem.error.code !== 'CLOCK_DRIFT') {
      this.#broken(problem.error.message)
    }
  }

  #broken(why: string): never {
    throw new Violation('exact logs', `${this.#seat.name}: ${why}`)
  }
}
