/**
 * A worked example: agents that share a board of tasks. An agent puts tasks on it, and takes one by
 * writing its name on it. Two may take one task while they cannot see each other; the policy
 * `manual` then shows both, and one of the two settles it. What must hold: no task is ever lost,
 * and in the end all agree on who has which.
 */
import { definePartition, type RegisterPartition, room } from '../../src/index.ts'
import { type Player, type Seat, Violation, type Workload } from '../index.ts'

interface Task {
  readonly title: string
  readonly takenBy: string | null
}

const Tasks = definePartition<Task, 'manual'>({ name: 'tasks', policy: 'manual' })

export const taskBoard: Workload = {
  name: 'task board',
  plan() {
    let added = 0
    return {
      async join(seat: Seat): Promise<Player> {
        const { partition } = await seat.open(room('board'), Tasks)
        return agent(seat, partition, () => {
          added += 1
          return `task-${added}`
        })
      },
    }
  },
}

function agent(
  { name, dice, marks }: Seat,
  tasks: RegisterPartition<Task>,
  fresh: () => string,
): Player {
  return {
    act() {
      const key = dice.pick([...tasks.keys()].sort())
      if (key === undefined || dice.chance(0.3)) {
        return tasks.set(fresh(), { title: 'to be done', takenBy: null })
      }
      const task = tasks.get(key)
      const both = tasks.siblings(key)
      if (both.length > 1) marks.hit('a task was taken twice')
      // The winner by order is the same for everybody, so all who settle settle alike.
      if (task !== undefined) tasks.set(key, both[0]?.value ?? { ...task, takenBy: name })
    },
    look() {
      for (const [key, task] of tasks) {
        if (task.title === '') throw new Violation('task board', `${name}: ${key} has no title`)
      }
    },
    view: () => {
      const all = [...tasks.keys()].sort().map(key => [key, tasks.siblings(key)[0]?.value])
      return JSON.stringify(all)
    },
  }
}
