/** Events and a projection of them, with late events, refused ones, and snapshots. */
import { z } from 'zod'
import { defineEvents } from '../../src/history/events/event-definition.ts'
import { type EventStore, openEvents } from '../../src/history/events/event-store.ts'
import { openProjection, type Projection } from '../../src/history/events/projection.ts'
import { defineProjection } from '../../src/history/events/projection-definition.ts'
import { room } from '../../src/model/scope.ts'
import { checkDelivery, SeenProjections } from '../checkers/equal-projections.ts'
import { Violation } from '../checkers/violation.ts'
import type { Player, Seat, Workload } from './workload.ts'

const movement = z.object({ account: z.string(), amount: z.number() })
const Bank = defineEvents({ name: 'bank', events: { credited: movement, debited: movement } })
type BankSchemas = (typeof Bank)['schemas']

/** The order matters: a debit that comes too early is refused, and changes nothing. */
const Balances = defineProjection<number, BankSchemas>({
  name: 'balances',
  events: Bank,
  rules: {
    credited: (view, { data }) =>
      view.set(data.account, (view.get(data.account) ?? 0) + data.amount),
    debited: (view, { data }) => {
      const balance = view.get(data.account) ?? 0
      if (balance < data.amount) throw new Error('insufficient balance')
      if (balance === data.amount) view.delete(data.account)
      else view.set(data.account, balance - data.amount)
    },
  },
})

export const events: Workload = {
  name: 'events',
  weight: 0.35,
  plan(dice) {
    const snapshotEvents = dice.pick([3, 20, 1000])
    const seen = new SeenProjections()
    return {
      async join(seat: Seat): Promise<Player> {
        const bank = await openEvents(seat.watched, room('sim'), Bank)
        const balances = await openProjection(seat.watched, room('sim'), Balances, {
          snapshotEvents,
        })
        return new BankPlayer(seat, bank, balances, seen)
      },
    }
  },
}

class BankPlayer implements Player {
  readonly #seat: Seat
  readonly #bank: EventStore<BankSchemas>
  readonly #balances: Projection<BankSchemas, number>
  readonly #seen: SeenProjections
  readonly #told: string[] = []

  constructor(
    seat: Seat,
    bank: EventStore<BankSchemas>,
    balances: Projection<BankSchemas, number>,
    seen: SeenProjections,
  ) {
    this.#seat = seat
    this.#bank = bank
    this.#balances = balances
    this.#seen = seen
    const tell = (arrivals: readonly { event: EventName; late: boolean }[]) => {
      for (const { event, late } of arrivals) {
        if (late) seat.marks.hit('late event')
        this.#told.push(nameOf(event))
      }
    }
    bank.subscribe(tell, { from: 'start' })
  }

  act(): void {
    const { dice } = this.#seat
    const some = Array.from({ length: dice.chance(0.2) ? 3 : 1 }, () => ({
      type: dice.chance(0.6) ? ('credited' as const) : ('debited' as const),
      data: { account: dice.pick(['ann', 'bob', 'eve']), amount: 1 + dice.below(10) },
    }))
    this.#bank.emitAll(some)
  }

  look(): void {
    for (const [account, balance] of this.#balances) {
      if (balance > 0) continue
      throw new Violation('equal projections', `${this.#seat.name}: ${account} has ${balance}`)
    }
    if (this.#seat.dice.chance(0.05)) this.#check()
  }

  view(): string {
    this.#check()
    if (this.#balances.problems().length > 0) this.#seat.marks.hit('event refused by a rule')
    return this.#balances.digest()
  }

  #check(): void {
    const names = [...this.#bank.replay()].map(nameOf)
    this.#seen.check(this.#seat.name, this.#balances, names.join(' '))
    checkDelivery(this.#seat.name, this.#told, names)
  }
}

interface EventName {
  readonly writer: number
  readonly seq: number
}

function nameOf({ writer, seq }: EventName): string {
  return `${writer}.${seq}`
}
