/**
 * A process of the fleet: a real replica on LevelDB, whose players work at random until told to
 * rest. It writes its history to file descriptor 3 and takes orders over the IPC channel.
 */
import { writeSync } from 'node:fs'
import type * as Y from 'yjs'
import { present } from '../../src/base/assert.ts'
import { StatemeshError } from '../../src/base/error.ts'
import { seededRandom } from '../../src/base/random.ts'
import { sleep, systemTime } from '../../src/base/time.ts'
import { openReplica, type Replica } from '../../src/replica.ts'
import { checkRefusal } from '../checkers/refusals.ts'
import { copyClocks } from '../oracle/document-clocks.ts'
import { native } from '../workloads/native.ts'
import type { Player } from '../workloads/workload.ts'
import { Dice } from '../world/dice.ts'
import { budgetPlayer } from './budget-player.ts'
import { counterPlayer } from './counter-player.ts'
import {
  type Assignment,
  type DocumentClocks,
  listClocks,
  type Order,
  type WorkerRecord,
} from './history.ts'
import { logPlayer } from './log-player.ts'
import { registerPlayers } from './register-player.ts'
import { digestOf } from './stored-documents.ts'
import { type FleetSeat, fleetSeat } from './worker-seat.ts'

const historyDescriptor = 3

/** What a flush may answer while the network or the relay fails. */
const excused: ReadonlySet<string> = new Set(['FLUSH_TIMEOUT', 'CLOSED', 'LINK_FAILED'])
const flushMillisecondsMax = 5_000

interface Life {
  readonly assignment: Assignment
  readonly replica: Replica
  readonly docs: ReadonlyMap<string, Y.Doc>
  readonly players: readonly Player[]
  readonly dice: Dice
}

let life: Life | undefined
let working = true
/** Settles when what was begun before it has ended. */
let idle: Promise<unknown> = Promise.resolve()

/** Writes before it returns: what is recorded is known, whatever happens next. */
function record(what: WorkerRecord): void {
  const line = Buffer.from(`${JSON.stringify({ at: systemTime.now(), record: what })}\n`)
  for (let written = 0; written < line.length; ) {
    written += writeSync(historyDescriptor, line, written)
  }
}

async function start(assignment: Assignment): Promise<void> {
  const { name, directory, relay, seed, life: lives } = assignment
  const dice = new Dice(seededRandom(seed))
  const replica = await openReplica({ actor: name, storage: directory, relay })
  replica.on('rejected', ({ document, error }) => {
    guarded(() => checkRefusal(name, document, error))
  })
  const docs = new Map<string, Y.Doc>()
  const seat = () => fleetSeat({ name, replica, dice, docs, record })
  const players = await seatPlayers(seat, lives)
  life = { assignment, replica, docs, players, dice }
  record({ kind: 'opened', clocks: allClocks(docs) })
  void work(life).catch(fail)
}

async function seatPlayers(seat: () => FleetSeat, lives: number): Promise<Player[]> {
  const dice = seat()
  return [
    ...(await registerPlayers(seat())),
    await counterPlayer(seat()),
    await logPlayer(seat(), lives),
    await budgetPlayer(seat()),
    await native
      .plan(dice.dice, { replicas: 1, clocksRight: true, topology: 'relay', hostile: false })
      .join(seat()),
  ]
}

async function work({ assignment, players, dice, replica, docs }: Life): Promise<void> {
  const { thinkMilliseconds, operationsPerFlush } = assignment
  for (;;) {
    await sleep(systemTime, dice.wait(thinkMilliseconds))
    if (!working) continue
    const player = dice.pick(players)
    record({ kind: 'invoked', operation: player.constructor.name })
    const done = player.act()
    player.look()
    begin(done)
    if (dice.chance(1 / operationsPerFlush)) begin(flush(replica, docs, dice))
  }
}

/** Does not wait for what may take long, but knows when it has ended. */
function begin(task: Promise<void> | void): void {
  if (task instanceof Promise) idle = Promise.all([idle, task.catch(fail)])
}

async function flush(replica: Replica, docs: Life['docs'], dice: Dice): Promise<void> {
  const level = dice.chance(0.4) ? 'local' : 'durable'
  // Whatever came from the relay was durable there before; so all that is here is covered.
  const clocks = allClocks(docs)
  try {
    await replica.flush({ level, timeoutMilliseconds: flushMillisecondsMax })
    record({ kind: 'flushed', level, clocks })
  } catch (thrown) {
    if (!(thrown instanceof StatemeshError) || !excused.has(thrown.code)) throw thrown
    record({ kind: 'refused', code: thrown.code })
  }
}

function tell({ replica, docs }: Life): void {
  const { unsynced, link } = replica.status
  const digests = [...docs].map(([name, doc]) => [name, digestOf(doc)] as const)
  record({ kind: 'told', unsynced, link, digests: Object.fromEntries(digests) })
}

async function confirm({ replica, docs, players }: Life): Promise<void> {
  await replica.flush({ timeoutMilliseconds: flushMillisecondsMax })
  const views = players.map(player => player.view())
  record({ kind: 'confirmed', clocks: allClocks(docs), views })
}

async function close({ replica }: Life): Promise<void> {
  working = false
  await replica.close()
  process.exit()
}

function allClocks(docs: Life['docs']): DocumentClocks {
  const lists = [...docs].map(([name, doc]) => [name, listClocks(copyClocks(doc))] as const)
  return Object.fromEntries(lists)
}

async function handle(order: Order): Promise<void> {
  if (order.kind === 'start') return start(order.assignment)
  const running = present(life, 'a process is asked for more when it has started')
  switch (order.kind) {
    case 'work':
      working = true
      return
    case 'rest':
      working = false
      return
    case 'tell':
      await idle
      return tell(running)
    case 'confirm':
      return confirm(running)
    case 'close':
      return close(running)
  }
}

function guarded(check: () => void): void {
  try {
    check()
  } catch (thrown) {
    fail(thrown)
  }
}

function fail(thrown: unknown): void {
  record({ kind: 'broken', message: thrown instanceof Error ? `${thrown.stack}` : String(thrown) })
}

process.on('message', (order: Order) => {
  handle(order).catch(fail)
})
process.on('disconnect', () => process.exit())
// Ctrl-C reaches every process of the terminal; whoever started this one decides what becomes of it.
process.on('SIGINT', () => undefined)
