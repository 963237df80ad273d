/** Budgets for tests that say step by step who knows what; nothing moves unless the test says so. */
import * as Y from 'yjs'
import { StatemeshError } from '../../../src/base/error.ts'
import { HybridClock } from '../../../src/clock/hybrid-clock.ts'
import type { BudgetRules } from '../../../src/model/budget-rules.ts'
import { parseActorId } from '../../../src/model/id.ts'
import { BudgetPartition } from '../../../src/partition/budget/budget-partition.ts'
import type { PartitionHost } from '../../../src/partition/partition-host.ts'
import { type ManualTime, manualTime } from '../../support/manual-time.ts'

export interface TestBudget {
  readonly budget: BudgetPartition
  readonly doc: Y.Doc
  readonly time: ManualTime
  /** The codes that were reported, in order. */
  readonly reported: string[]
  /** Whether what is written becomes durable here at once; what waited does when set. */
  durable: boolean
  /** What the disk throws. */
  diskFault: StatemeshError | undefined
  /** Whether the relay acks and answers. */
  reachable: boolean
  generation: string | undefined
}

export interface TestBudgetOptions {
  actor?: string
  writer?: number
  rules?: BudgetRules
  time?: ManualTime
  doc?: Y.Doc
  formerWriters?: readonly number[]
  relay?: boolean
}

export function testBudget(options: TestBudgetOptions = {}): TestBudget {
  const { actor = 'ann', rules = {}, time = manualTime(), doc = new Y.Doc() } = options
  if (options.writer !== undefined) doc.clientID = options.writer
  let durable = true
  let waiting: (() => void)[] = []
  const reported: string[] = []
  const state = {
    doc,
    time,
    reported,
    get durable() {
      return durable
    },
    set durable(now: boolean) {
      durable = now
      for (const resolve of now ? waiting : []) resolve()
      if (now) waiting = []
    },
    diskFault: undefined as StatemeshError | undefined,
    reachable: true,
    generation: 'store-1' as string | undefined,
  }
  const answer = () =>
    state.reachable
      ? Promise.resolve()
      : Promise.reject(new StatemeshError('FLUSH_TIMEOUT', 'no answer'))
  const host: PartitionHost = {
    doc,
    actor: parseActorId(actor),
    clock: new HybridClock({ time }),
    time,
    formerWriters: () => options.formerWriters ?? [],
    ...(options.relay !== false && {
      relay: { generation: () => state.generation, fence: answer },
    }),
    durable: () => {
      if (state.diskFault !== undefined) return Promise.reject(state.diskFault)
      return durable ? Promise.resolve() : new Promise(resolve => waiting.push(resolve))
    },
    flush: answer,
    report: problem => reported.push(problem.code),
    release: () => {},
  }
  return Object.assign(state, { budget: new BudgetPartition(rules, host) }) as TestBudget
}

/** Brings both to the same state. */
export function sync(a: TestBudget, b: TestBudget): void {
  Y.applyUpdate(a.doc, Y.encodeStateAsUpdate(b.doc, Y.encodeStateVector(a.doc)))
  Y.applyUpdate(b.doc, Y.encodeStateAsUpdate(a.doc, Y.encodeStateVector(b.doc)))
}

/** Lets time pass for both, with everything that one writes reaching the other. */
export async function live(a: TestBudget, b: TestBudget, milliseconds: number): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 50) {
    sync(a, b)
    await a.time.advanceAsync(50)
    if (b.time !== a.time) await b.time.advanceAsync(50)
  }
  sync(a, b)
}
