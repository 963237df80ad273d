/** An agent process of the demo: it lives as long as the coordinator that started it. */
import { openReplica, type Replica, type StatemeshError } from '../../src/index.ts'
import { type Council, type CouncilTask, openCouncil } from './council.ts'
import { readHolding } from './holding.ts'
import { openIndexer } from './indexer.ts'
import type { Assignment, FromAgent, ToAgent } from './messages.ts'
import { openShelves } from './shared-index.ts'

function tell(message: FromAgent): void {
  // Without a coordinator there is nobody to tell, and `disconnect` ends this process.
  if (process.connected) process.send?.(message)
}

/** Ends this process as soon as the coordinator has been told. */
function sayLast(message: FromAgent): void {
  process.send?.(message, () => process.disconnect())
}

let goOn: () => void = () => undefined
const mayGoOn = (): Promise<void> =>
  new Promise(resolve => {
    goOn = resolve
  })

let council: Promise<Council> | undefined
let open: { replica: Replica; assignment: Assignment } | undefined

async function work(assignment: Assignment): Promise<void> {
  const { name, directory, relay, peers } = assignment
  const direct = peers === undefined ? {} : { peers, listen: { port: 0 } }
  const replica = await openReplica({ actor: name, storage: directory, relay, ...direct })
  open = { replica, assignment }
  const warn = ({ code, message }: StatemeshError) =>
    tell({ kind: 'warning', message: `${code} ${message}` })
  replica.on('warning', warn)
  replica.on('rejected', ({ error }) => warn(error))
  if (peers !== undefined) await meet(replica, assignment)
  const indexer = await openIndexer({ assignment, replica, tell, mayGoOn })
  tell({ kind: 'started', done: indexer.done })
  await indexer.work()
  tell({ kind: 'finished' })
}

/** Has all documents open, so that this agent is a copy of them, and what its peers have of them. */
async function meet(replica: Replica, assignment: Assignment): Promise<void> {
  await openShelves(replica, assignment)
  await openCouncil(replica)
  const [address] = replica.addresses
  if (address !== undefined) tell({ kind: 'listening', address })
  if (assignment.peers?.length) await replica.synced({ from: 'peers' })
}

async function decide(task: CouncilTask): Promise<void> {
  if (open === undefined) throw new Error('told to decide before it had an assignment')
  council ??= openCouncil(open.replica)
  tell({ kind: 'task-done', task, report: await (await council).run(task) })
}

async function read(): Promise<void> {
  if (open === undefined) throw new Error('told to read before it had an assignment')
  const { replica, assignment } = open
  // Afresh, so that what is reported has come from the disk and a new exchange with the relay.
  await replica.close()
  const holding = await readHolding({ ...assignment, actor: assignment.name })
  sayLast({ kind: 'holds', holding })
}

async function handle(message: ToAgent): Promise<void> {
  switch (message.kind) {
    case 'assignment':
      return work(message.assignment)
    case 'go':
      return goOn()
    case 'cut':
      return open?.replica.disconnect()
    case 'mend':
      return open?.replica.connect()
    case 'task':
      return decide(message.task)
    case 'read':
      return read()
  }
}

process.on('message', (message: ToAgent) => {
  handle(message).catch((error: unknown) => {
    process.exitCode = 1
    const text = error instanceof Error ? String(error.stack) : String(error)
    sayLast({ kind: 'failed', error: text })
  })
})
process.on('disconnect', () => process.exit())
// Ctrl-C reaches every process of the terminal; the coordinator decides what becomes of this one.
process.on('SIGINT', () => undefined)
