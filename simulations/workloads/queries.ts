/** Queries: tasks that change all the time, asked for through every kind of index, and live. */
import { definePartition } from '../../src/model/partition-definition.ts'
import { room } from '../../src/model/scope.ts'
import type { LiveQuery } from '../../src/query/live-query.ts'
import type { Found } from '../../src/query/queries.ts'
import type { QueryableRegisters } from '../../src/query/queryable-registers.ts'
import { checkAnswer, checkLive, type Question } from '../checkers/equal-queries.ts'
import type { Player, Seat, Workload } from './workload.ts'

interface Task {
  readonly status: string
  readonly owner: { readonly name: string }
  readonly tags: readonly string[]
  readonly at: number
}

const statuses = ['open', 'claimed', 'done']
const names = ['ann', 'bob', 'eve']
const tags = ['fix', 'test', 'docs', 'slow']

const definition = definePartition<Task, 'last-write-wins'>({
  name: 'tasks',
  policy: 'last-write-wins',
  indexes: {
    status: 'status',
    byOwner: 'owner.name',
    tags: 'tags',
    byHundred: { on: 'at', bucket: 100 },
    byStatusAndTime: ['status', 'at'],
    byTagCount: task => task.tags.length,
  },
})

const inTurn = (a: readonly [string, Task], b: readonly [string, Task]) =>
  a[1].at - b[1].at || (a[0] < b[0] ? -1 : 1)

/** Each is answered by the product in its way, and by a filter of ours over all that there is. */
const questions: readonly Question<Task>[] = [
  { filter: { status: 'open' }, matches: ({ status }) => status === 'open' },
  {
    filter: { 'owner.name': 'ann', status: { $ne: 'done' } },
    matches: ({ owner, status }) => owner.name === 'ann' && status !== 'done',
  },
  {
    filter: { tags: 'fix', status: { $in: ['open', 'claimed'] } },
    matches: task => task.tags.includes('fix') && task.status !== 'done',
  },
  {
    filter: { at: { $gte: 200, $lt: 500 } },
    matches: ({ at }) => at >= 200 && at < 500,
  },
  {
    filter: { $or: [{ status: 'claimed' }, { 'owner.name': 'eve' }] },
    matches: ({ status, owner }) => status === 'claimed' || owner.name === 'eve',
  },
  { filter: { byTagCount: 2 }, matches: task => task.tags.length === 2 },
  { filter: { byHundred: 3 }, matches: ({ at }) => Math.floor(at / 100) === 3 },
  {
    filter: { status: 'done' },
    options: { sort: { at: 1 }, limit: 3 },
    matches: ({ status }) => status === 'done',
    order: inTurn,
  },
]

export const queries: Workload = {
  name: 'queries',
  plan(dice) {
    const keys = Array.from({ length: 5 + dice.below(40) }, (_, n) => `task-${n}`)
    return {
      async join(seat) {
        const { partition } = await seat.open(room('sim'), definition)
        return new QueriesPlayer(seat, partition as QueryableRegisters<Task>, keys)
      },
    }
  },
}

class QueriesPlayer implements Player {
  readonly #seat: Seat
  readonly #tasks: QueryableRegisters<Task>
  readonly #keys: readonly string[]
  readonly #asked: Question<Task>
  readonly #live: LiveQuery<Found<Task>>

  constructor(seat: Seat, tasks: QueryableRegisters<Task>, keys: readonly string[]) {
    this.#seat = seat
    this.#tasks = tasks
    this.#keys = keys
    this.#asked = seat.dice.pick(questions)
    this.#live = tasks.live(this.#asked.filter, this.#asked.options)
  }

  act(): void {
    const { dice } = this.#seat
    const key = dice.pick(this.#keys)
    if (dice.chance(0.15)) {
      this.#tasks.delete(key)
      return
    }
    this.#tasks.set(key, {
      status: dice.pick(statuses),
      owner: { name: dice.pick(names) },
      tags: dice.shuffled(tags).slice(0, dice.below(4)),
      at: dice.below(1000),
    })
  }

  look(): void {
    const { dice, marks, name } = this.#seat
    if (dice.chance(0.7)) return
    const question = dice.pick(questions)
    checkAnswer(name, this.#tasks, question)
    marks.hit(`query by ${this.#tasks.explain(question.filter, question.options).plan}`)
  }

  view(): string {
    const { name } = this.#seat
    checkLive(name, this.#tasks, this.#live, this.#asked)
    return questions.map(question => checkAnswer(name, this.#tasks, question).join(' ')).join('\n')
  }

  leave(): void {
    this.#live.end()
  }
}
