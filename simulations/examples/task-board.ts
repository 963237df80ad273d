/**
 * A worked example: agents that share a board of tasks. One posts them, two take them by writing their
 * names on them. While they cannot see each other both may take one task; the policy `manual` keeps
 * both, and whoever sees it settles it, both alike. What must hold: no task is ever lost, and in the
 * end each has been taken by one.
 */
import { definePartition, pick, type Replica, room } from '../../src/index.ts'
import type { Agent, Invariant } from '../index.ts'

interface Task {
  readonly title: string
  readonly takenBy: string | null
}

const Tasks = definePartition<Task, 'manual'>({ name: 'tasks', policy: 'manual' })
const count = 12

const openBoard = (replica: Replica) => replica.open(room('board'), Tasks)
type Board = Awaited<ReturnType<typeof openBoard>>

/** Begins again after every crash, so it looks what is there already. */
export const poster: Agent = async ({ replica, sleep }) => {
  const board = await openBoard(replica)
  for (let n = 1; n <= count; n++) {
    if (!board.has(`task-${n}`)) board.set(`task-${n}`, { title: `task ${n}`, takenBy: null })
    await sleep(300)
  }
}

export const worker: Agent = async place => {
  const board = await openBoard(place.replica)
  for (;;) {
    await takeAll(board, place)
    // All taken, as far as is known here; whoever is the last to ask knows of everybody.
    await place.replica.flush()
    await place.replica.synced()
    if (isDone(board)) return
  }
}

/** Forgets to ask the others in the end. The simulator finds it. */
export const hastyWorker: Agent = async place => {
  await takeAll(await openBoard(place.replica), place)
}

export const noTaskIsLost: Invariant = async (replica, { settled }) => {
  const board = await openBoard(replica)
  const titles = [...board].map(([, { title }]) => title)
  board.close()
  return titles.every(title => title !== '') && (!settled || titles.length === count)
}

export const oneTakerEach: Invariant = async (replica, { settled }) => {
  const board = await openBoard(replica)
  const done = isDone(board)
  board.close()
  return done || !settled
}

type PlaceOfWorker = Parameters<Agent>[0]

async function takeAll(board: Board, { name, dice, sleep, mark }: PlaceOfWorker): Promise<void> {
  while (!isDone(board)) {
    for (const { key, siblings } of board.conflicts()) {
      mark('a task was taken twice')
      const [first] = siblings // the same for everybody
      if (first !== undefined) board.resolve(key, pick(first))
    }
    const free = [...board].filter(([, { takenBy }]) => takenBy === null)
    const next = free[dice.below(Math.max(1, free.length))]
    if (next !== undefined) board.set(next[0], { ...next[1], takenBy: name })
    await sleep(100 + dice.below(300))
  }
}

function isDone(board: Board): boolean {
  const tasks = [...board]
  const taken = tasks.every(([, { takenBy }]) => takenBy !== null)
  return tasks.length === count && taken && board.conflicts().length === 0
}
