/** Transitions and the lifecycle of a scope, run on all replicas at once. */
import { z } from 'zod'
import { definePartition } from '../../src/model/partition-definition.ts'
import { room } from '../../src/model/scope.ts'
import type { LogPartition } from '../../src/partition/log/log-partition.ts'
import { openModule, type StateModule } from '../../src/state/module.ts'
import { defineModule } from '../../src/state/module-definition.ts'
import {
  defineTransition,
  openStateManager,
  type StateManager,
} from '../../src/state/state-manager.ts'
import { checkTransitions } from '../checkers/told-transitions.ts'
import { Violation } from '../checkers/violation.ts'
import { allowingLater, machineCodes } from './refusals.ts'
import type { Player, Seat, Workload } from './workload.ts'

const scope = room('sim').conversation('talk')

const Talk = defineModule({
  name: 'talk',
  initial: { said: new Set<number>() as ReadonlySet<number> },
  actions: {
    say: (state: { readonly said: ReadonlySet<number> }, n: number) => ({
      said: new Set([...state.said, n]),
    }),
  },
})
type TalkModule = StateModule<{ readonly said: ReadonlySet<number> }, (typeof Talk)['actions']>

/** The records of the manager, to look at. */
const Records = definePartition<{ payload: { n: number } }, 'log'>({
  name: 'transitions',
  policy: 'log',
})

const transitionsOfTalk = {
  said: defineTransition(z.object({ n: z.number() }), ({ n }, talk: TalkModule) =>
    talk.dispatch('say', n),
  ),
}
type TalkManager = StateManager<typeof transitionsOfTalk>

interface Shared {
  /** How likely an operation archives the scope, after which nothing moves any more. */
  readonly archiving: number
  /** The transitions that ended, by replica. */
  readonly ended: Map<string, Set<number>>
  fresh(): number
}

export const transitions: Workload = {
  name: 'transitions',
  weight: 0.35,
  plan(dice) {
    let last = 0
    const fresh = () => {
      last += 1
      return last
    }
    const shared: Shared = { archiving: dice.pick([0, 0.01, 0.03]), ended: new Map(), fresh }
    return {
      async join(seat: Seat): Promise<Player> {
        const talk = await openModule(seat.watched, scope, Talk)
        const { partition } = await seat.open(scope, Records)
        const manager = await openStateManager(seat.watched, scope, {
          context: talk,
          transitions: transitionsOfTalk,
        })
        return new TalkPlayer(seat, { talk, manager, records: partition }, shared)
      },
    }
  },
}

interface Opened {
  readonly talk: TalkModule
  readonly manager: TalkManager
  readonly records: LogPartition<{ payload: { n: number } }>
}

class TalkPlayer implements Player {
  readonly #seat: Seat
  readonly #opened: Opened
  readonly #shared: Shared
  readonly #ended: Set<number>
  readonly #told: number[] = []

  constructor(seat: Seat, opened: Opened, shared: Shared) {
    this.#seat = seat
    this.#opened = opened
    this.#shared = shared
    this.#ended = shared.ended.get(seat.name) ?? new Set()
    shared.ended.set(seat.name, this.#ended)
    opened.manager.on('state:changed', ({ cause }) => {
      this.#told.push((cause.payload as { n: number }).n)
    })
    this.#check()
  }

  async act(): Promise<void> {
    const { manager, talk } = this.#opened
    const { lifecycle } = manager
    const { dice, marks, name } = this.#seat
    if (lifecycle.phase === 'initialize') lifecycle.move('active')
    if (lifecycle.phase === 'persisted' && dice.chance(this.#shared.archiving)) {
      lifecycle.move('archived')
      marks.hit('scope archived')
    }
    const n = this.#shared.fresh()
    const refusals = [...machineCodes, 'LIFECYCLE_ILLEGAL']
    if (!(await allowingLater(refusals, marks, () => manager.transition('said', { n })))) return
    this.#ended.add(n)
    if (talk.state.said.has(n)) return
    throw new Violation('told transitions', `${name}: ${n} was said and is not in the state`)
  }

  look(): void {
    if (this.#seat.dice.chance(0.1)) this.#check()
  }

  view(): string {
    this.#check()
    const { manager, talk, records } = this.#opened
    const phases = [...this.#shared.ended.keys()].sort().map(name => {
      return manager.lifecycle.phaseOf(name)
    })
    return `${talk.serialize()} ${phases} ${records.length}`
  }

  #check(): void {
    const recorded = [...this.#opened.records.entries()].map(({ value }) => value.payload.n)
    // What a disk lost by a fault had ended there, and may be gone.
    const ended = this.#seat.losses.has(this.#seat.name) ? [] : this.#ended
    checkTransitions(this.#seat.name, { ended, told: this.#told, recorded })
  }
}
