/** What needs nobody else: queries, budgets, layers, refusals, and a peer in a worker. */
import {
  createMemoryStorage,
  createPortNetwork,
  definePartition,
  errorCodes,
  openLayeredStore,
  openReplica,
  room,
  StatemeshError,
} from '../../../src/index.ts'

interface Task {
  readonly title: string
  readonly urgent: boolean
}

const Tasks = definePartition<Task>({
  name: 'tasks',
  policy: 'last-write-wins',
  indexes: { byUrgent: 'urgent' },
})
const Spend = definePartition({ name: 'spend', policy: 'budget' })
const Notes = definePartition<string>({ name: 'notes', policy: 'last-write-wins' })
const scope = room('r1')

/** The code of a refusal; an error that is none of ours is thrown on. */
async function codeOf(action: () => unknown): Promise<string> {
  try {
    await action()
  } catch (thrown) {
    if (thrown instanceof StatemeshError && thrown.code in errorCodes) return thrown.code
    throw thrown
  }
  throw new Error('it was not refused')
}

export const stateSteps = {
  async urgentTasks(storage: string): Promise<string[]> {
    const replica = await openReplica({ actor: 'page', storage })
    const tasks = await replica.open(scope, Tasks)
    tasks.set('t1', { title: 'tea', urgent: true })
    tasks.set('t2', { title: 'cake', urgent: false })
    tasks.set('t3', { title: 'water', urgent: true })
    const found = tasks.find({ byUrgent: true }, { sort: { title: 1 } })
    await replica.close()
    return found.map(({ value }) => value.title)
  },
  /** What is left after a debit, what a refused one said, and what is left when it is opened again. */
  async spend(storage: string): Promise<[number, string, number]> {
    const replica = await openReplica({ actor: 'page', storage })
    const spend = await replica.open(scope, Spend)
    await spend.mint('tokens', 100)
    await spend.debit('tokens', 30)
    const left = spend.balance('tokens')
    const refusal = await codeOf(() => spend.debit('tokens', 71))
    await replica.close()
    const again = await openReplica({ actor: 'page', storage })
    const later = (await again.open(scope, Spend)).balance('tokens')
    await again.close()
    return [left, refusal, later]
  },
  /** What is read from the archive after it was closed, and how many bytes it takes there. */
  async archived(archive: string, text: string): Promise<[unknown, number]> {
    const store = await openLayeredStore({ archive })
    await store.set('report', text, { archive: true })
    await store.close()
    const again = await openLayeredStore({ archive })
    const value = await again.get('report')
    await again.close()
    return [value, await bytesIn(archive)]
  },
  async refusals(): Promise<string[]> {
    const [storage, none] = [createMemoryStorage(), createMemoryStorage()]
    const replica = await openReplica({ actor: 'page', storage })
    const tasks = await replica.open(scope, Tasks)
    const codes = [
      await codeOf(() => openReplica({ actor: '', storage: createMemoryStorage() })),
      await codeOf(() => tasks.set('t1', (() => undefined) as unknown as Task)),
      await codeOf(() => replica.flush()),
      await codeOf(() => openReplica({ actor: 'page', storage: none, listen: { port: 0 } })),
      await codeOf(() => openLayeredStore({ redis: { url: 'redis://localhost', prefix: 'p' } })),
    ]
    await replica.close()
    return [...codes, await codeOf(() => replica.open(scope, Tasks))]
  },
  /** What a replica in a worker has answered to a greeting, and why its store is not open to the page. */
  async answerOfWorker(greeting: string, store: string): Promise<[string | undefined, string]> {
    const worker = new Worker('/worker.js', { type: 'module', name: store })
    const listen = createPortNetwork(worker)
    const replica = await openReplica({ actor: 'page', storage: createMemoryStorage(), listen })
    const notes = await replica.open(scope, Notes)
    notes.set('greeting', greeting)
    const answer = new Promise<string | undefined>(resolve => {
      notes.subscribe(() => notes.has('answer') && resolve(notes.get('answer')))
    })
    await replica.flush({ level: 'replicated', n: 2 })
    await answer
    const refusal = await codeOf(() => openReplica({ actor: 'page', storage: store }))
    worker.terminate()
    await replica.close()
    return [await answer, refusal]
  },
}

async function bytesIn(database: string): Promise<number> {
  const connection = await settled(indexedDB.open(`level-js-${database}`))
  const values = await settled(connection.transaction(database).objectStore(database).getAll())
  connection.close()
  return values.reduce((sum: number, value: Uint8Array) => sum + value.buffer.byteLength, 0)
}

function settled<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
