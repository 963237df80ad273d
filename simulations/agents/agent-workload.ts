/** Agents and invariants as a workload: a player is one agent, and asks the invariants. */
import { StatemeshError } from '../../src/base/error.ts'
import { sleep } from '../../src/base/time.ts'
import type { Replica } from '../../src/replica.ts'
import { Violation } from '../checkers/violation.ts'
import type { Player, Seat, Workload } from '../workloads/workload.ts'
import type { Agent, Invariant, Place } from './agent.ts'
import { watchedReplica } from './watched-replica.ts'

export interface Cast {
  /** One for each machine: the first on `r1`, and so on. */
  readonly agents: readonly Agent[]
  readonly invariants: readonly Invariant[]
}

/** The pause before an agent that met a fault is started again. */
const restartMilliseconds = 1000

export function agentWorkload(cast: Cast): Workload {
  return {
    name: 'agents',
    plan: () => ({
      async join(seat: Seat): Promise<Player> {
        return new AgentPlayer(seat, cast)
      },
    }),
  }
}

class AgentPlayer implements Player {
  readonly #seat: Seat
  readonly #cast: Cast
  readonly #replica: Replica
  readonly #done: Promise<void>
  #leaving = false

  constructor(seat: Seat, cast: Cast) {
    this.#seat = seat
    this.#cast = cast
    this.#replica = watchedReplica(seat)
    this.#done = this.#live()
    // It is looked at by `act` and `settle`; until then it is not unhandled.
    this.#done.catch(() => undefined)
  }

  /** Asks the invariants, and hears of an agent that has failed. */
  async act(): Promise<void> {
    await Promise.race([this.#done, undefined])
    await this.#ask(false)
  }

  look(): void {
    // Invariants take their time: `act` asks them.
  }

  view(): string {
    return ''
  }

  settle(): Promise<void> {
    return this.#done
  }

  conclude(): Promise<void> {
    return this.#ask(true)
  }

  leave(): void {
    this.#leaving = true
  }

  /** Runs the agent until it is done. */
  async #live(): Promise<void> {
    const { name, time, marks } = this.#seat
    const agent = this.#cast.agents[Number(name.slice(1)) - 1]
    while (agent !== undefined && !this.#leaving) {
      try {
        await agent(this.#place())
        return
      } catch (thrown) {
        if (this.#isOver(thrown)) return
        if (!isRetryable(thrown)) throw failed(`agent ${agent.name}`, name, thrown)
        marks.hit('an agent was started again')
      }
      await sleep(time, restartMilliseconds)
    }
  }

  #place(): Place {
    const { name, time, marks, dice } = this.#seat
    return {
      name,
      replica: this.#replica,
      dice: dice.fork(),
      sleep: milliseconds => sleep(time, milliseconds),
      now: () => time.now(),
      mark: what => marks.hit(what),
    }
  }

  async #ask(settled: boolean): Promise<void> {
    const { name } = this.#seat
    for (const invariant of this.#cast.invariants) {
      try {
        const holds = await invariant(this.#replica, { settled, name })
        if (holds === false) throw new Violation(`invariant ${invariant.name}`, `broken at ${name}`)
      } catch (thrown) {
        // A disk that fails, or a replica that stops, is no answer.
        if (this.#isOver(thrown) || (!settled && isRetryable(thrown))) return
        throw failed(`invariant ${invariant.name}`, name, thrown)
      }
    }
  }

  /** Whether an error says no more than that the machine stops. */
  #isOver(thrown: unknown): boolean {
    return this.#leaving && thrown instanceof StatemeshError
  }
}

function isRetryable(thrown: unknown): boolean {
  return thrown instanceof StatemeshError && thrown.retryable
}

function failed(what: string, where: string, thrown: unknown): Violation {
  if (thrown instanceof Violation) return thrown
  const { message, stack } = thrown instanceof Error ? thrown : new Error(String(thrown))
  return new Violation(what, `at ${where}: ${stack ?? message}`)
}
