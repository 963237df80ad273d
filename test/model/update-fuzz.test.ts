/**
 * What the check lets through must not harm a document. Some lies only the document itself could
 * tell from the truth, such as a right neighbour that stands left of the left one: Yjs then
 * orders the elements by the order in which updates arrive, and replicas differ in that order.
 * They are rare among random damages, and are counted apart.
 */
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { StatemeshError } from '../../src/base/error.ts'
import { checkUpdate } from '../../src/model/update-check.ts'
import { readUpdateStructure, type UpdateStructure } from '../../src/model/update-structure.ts'
import { testSeed } from '../support/seed.ts'
import { type Harm, harmOf } from './update-harm.ts'
import { Chooser, randomHistory } from './update-histories.ts'
import { madeUp, mutated } from './update-mutations.ts'

const perHistory = 100

interface Trial {
  readonly name: string
  readonly update: Uint8Array
  readonly document: () => Y.Doc
}

/** Trials over random histories: each an update and a document in a state of its history. */
function* trials(
  seed: number,
  count: number,
  make: (choose: Chooser, updates: readonly Uint8Array[], document: () => Y.Doc) => Uint8Array,
): Generator<Trial> {
  let made = 0
  for (let history = seed; made < count; history++) {
    const { log, updates } = randomHistory(history, 15)
    if (log.length === 0) continue
    const choose = new Chooser(history)
    for (let trial = 0; trial < perHistory && made < count; trial++, made++) {
      const applied = log.slice(0, choose.below(log.length + 1))
      const gc = choose.chance(60)
      const document = (): Y.Doc => {
        const doc = new Y.Doc({ gc })
        doc.clientID = 999
        for (const update of applied) Y.applyUpdate(doc, update)
        return doc
      }
      const next = log[applied.length]
      const near =
        next !== undefined && choose.chance(60) ? [next, ...updates.slice(0, 1)] : updates
      yield {
        name: `history ${history}, trial ${trial}`,
        update: make(choose, near, document),
        document,
      }
    }
  }
}

function structureOf(update: Uint8Array): UpdateStructure | undefined {
  try {
    return readUpdateStructure(update)
  } catch (error) {
    if (error instanceof StatemeshError && error.code === 'UPDATE_INVALID') return undefined
    throw error
  }
}

function stateOf(doc: Y.Doc): Map<number, number> {
  return Y.decodeStateVector(Y.encodeStateVector(doc))
}

/** Applies what the check lets through. */
function run(all: Iterable<Trial>): { passed: number; harms: (Harm & { trial: string })[] } {
  let passed = 0
  const harms: (Harm & { trial: string })[] = []
  for (const { name, update, document } of all) {
    const structure = structureOf(update)
    if (structure === undefined) continue
    const doc = document()
    if (checkUpdate(structure, stateOf(doc)) === 'gap') continue
    passed += 1
    const harm = harmOf(doc, update)
    if (harm !== undefined) harms.push({ ...harm, trial: name })
  }
  return { passed, harms }
}

describe('20,000 damaged updates', () => {
  it('harm no document if they pass the check', () => {
    const { passed, harms } = run(
      trials(testSeed() % 2 ** 31, 20_000, (choose, updates) =>
        mutated(choose, choose.of(updates), choose.of(updates)),
      ),
    )
    expect(passed).toBeGreaterThan(500)
    expect(harms.filter(({ kind }) => kind !== 'order')).toEqual([])
    expect(harms.length).toBeLessThan(passed / 100)
  })
})

describe('1,500 made-up updates of random structs', () => {
  it('leave nothing pending if they pass the check', () => {
    const { passed, harms } = run(
      trials(testSeed() % 2 ** 31, 1500, (choose, _updates, document) =>
        madeUp(choose, stateOf(document())),
      ),
    )
    expect(passed).toBeGreaterThan(500)
    expect(harms.filter(({ kind }) => kind === 'pending')).toEqual([])
  })
})
