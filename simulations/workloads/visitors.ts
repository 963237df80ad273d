/**
 * Visitors: agents that come to one of many scopes, write, and leave. Documents are loaded and let
 * go again and again, also while what was written is on its way to the disk; whoever comes back finds
 * what he wrote, and what was durable when somebody left is there in the end.
 */
import { definePartition } from '../../src/model/partition-definition.ts'
import { agent, conversation, globalScope, room, type Scope } from '../../src/model/scope.ts'
import type { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { Violation } from '../checkers/violation.ts'
import { allowingLater, machineCodes } from './refusals.ts'
import type { Player, Seat, Workload } from './workload.ts'

const scopes: readonly Scope[] = [
  globalScope,
  agent('guide'),
  room('hall'),
  room('hall').conversation('left'),
  room('hall').conversation('right'),
  agent('guide').room('garden'),
  conversation('letters'),
]

const definitions = ['guests', 'gifts'].map(name =>
  definePartition<number, 'last-write-wins'>({ name, policy: 'last-write-wins' }),
)

const refusals = [...machineCodes, 'FLUSH_TIMEOUT', 'LINK_FAILED', 'RELAY_NOT_CONFIGURED']

/** A place that can be visited. */
interface Place {
  readonly scope: Scope
  readonly definition: (typeof definitions)[number]
  /** Keys that were durable when their visitor left. */
  readonly durable: Set<string>
}

export const visitors: Workload = {
  name: 'visitors',
  plan(dice) {
    let last = 0
    const fresh = () => {
      last += 1
      return last
    }
    const all = scopes.flatMap(scope => definitions.map(definition => ({ scope, definition })))
    const places: Place[] = dice
      .shuffled(all)
      .slice(0, 2 + dice.below(6))
      .map(place => ({ ...place, durable: new Set() }))
    return { join: async seat => new Visitor(seat, places, fresh) }
  },
}

class Visitor implements Player {
  readonly #seat: Seat
  readonly #places: readonly Place[]
  readonly #fresh: () => number
  /** What was written here since the process started, by place. */
  readonly #written = new Map<Place, Set<string>>()
  #settled: RegisterPartition<number>[] = []

  constructor(seat: Seat, places: readonly Place[], fresh: () => number) {
    this.#seat = seat
    this.#places = places
    this.#fresh = fresh
  }

  async act(): Promise<void> {
    const { dice, marks } = this.#seat
    await allowingLater(refusals, marks, () => this.#visit(dice.pick(this.#places)))
  }

  look(): void {
    // There is nothing to look at while nobody is there.
  }

  /** Everybody comes to every place. */
  async settle(): Promise<void> {
    const opened = this.#places.map(({ scope, definition }) => this.#seat.open(scope, definition))
    this.#settled = (await Promise.all(opened)).map(({ partition }) => partition)
  }

  view(): string {
    return this.#settled
      .map((partition, index) => {
        const keys = [...partition.keys()].sort()
        const place = this.#places[index] as Place
        this.#expect(place, place.durable, new Set(keys), 'was durable')
        return keys.map(key => `${key}=${partition.get(key)}`).join(' ')
      })
      .join('\n')
  }

  async #visit(place: Place): Promise<void> {
    const { scope, definition, durable } = place
    const { replica, dice, name, marks, safest } = this.#seat
    const partition = await replica.open(scope, definition)
    try {
      const before = this.#written.get(place) ?? new Set()
      this.#written.set(place, before)
      this.#expect(place, before, new Set(partition.keys()), 'was written before the last leave')
      const written = Array.from({ length: 1 + dice.below(3) }, () => {
        const n = this.#fresh()
        const key = `${name}-${n}`
        partition.set(key, n)
        before.add(key)
        return key
      })
      if (dice.chance(0.3)) {
        await replica.flush({ ...safest, timeoutMilliseconds: 3000 })
        for (const key of written) durable.add(key)
        marks.hit('left a place durably')
      }
    } finally {
      partition.close()
    }
  }

  #expect(
    { scope, definition }: Place,
    expected: ReadonlySet<string>,
    keys: ReadonlySet<string>,
    why: string,
  ): void {
    for (const key of expected) {
      if (keys.has(key)) continue
      const message = `${this.#seat.name}, ${scope}/${definition.name}: ${key} ${why}`
      throw new Violation('no acked write lost', message)
    }
  }
}
