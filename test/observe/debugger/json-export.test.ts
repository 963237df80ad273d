import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import {
  createMemoryStorage,
  type DocumentState,
  definePartition,
  exportJson,
  openReplica,
  readJsonExport,
  room,
  StateDebugger,
  seededRandom,
  writeState,
} from '../../../src/index.ts'
import { readDocument } from '../../../src/observe/debugger/document-state.ts'
import { openPartition } from '../../../src/partition/open-partition.ts'
import { testHost } from '../../partition/replica-model.ts'
import { testSeed } from '../../support/seed.ts'

const Users = definePartition<unknown>({ name: 'users', policy: 'manual' })
const Events = definePartition<unknown>({ name: 'events', policy: 'log' })

const value = fc.letrec(tie => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.bigInt(),
    fc.date({ noInvalidDate: true }),
    fc.uint8Array({ maxLength: 8 }),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('$', '__proto__')), tie('any'), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
    fc.array(fc.string(), { maxLength: 3 }).map(members => new Set(members)),
    fc.array(fc.tuple(fc.string(), tie('any')), { maxLength: 3 }).map(pairs => new Map(pairs)),
  ),
})).any

/** Without what a new document has to have anew: writers, and places in logs. */
function said(state: DocumentState): unknown {
  return JSON.parse(
    JSON.stringify(state, (name, part) => (name === 'writer' || name === 'seq' ? 0 : part)),
  )
}

function docOf(update: Uint8Array): Y.Doc {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, update)
  return doc
}

describe('a state that is written anew', () => {
  test('says the same of registers, with siblings, deletions and all kinds of values', () => {
    const random = seededRandom(testSeed())
    const writes = fc.array(fc.tuple(fc.constantFrom('a', 'b', '__proto__', 'ü/ö'), value), {
      maxLength: 6,
    })
    fc.assert(
      fc.property(writes, writes, (ofAnn, ofBob) => {
        const hosts = [testHost({ actor: 'ann' }), testHost({ actor: 'bob' })] as const
        for (const [index, sets] of [ofAnn, ofBob].entries()) {
          const users = openPartition(Users, hosts[index as 0 | 1])
          for (const [key, set] of sets) users.set(key, set)
          users.delete('b')
        }
        Y.applyUpdate(hosts[0].doc, Y.encodeStateAsUpdate(hosts[1].doc))
        const { state, problems } = readDocument(docOf(Y.encodeStateAsUpdate(hosts[0].doc)))
        expect(problems).toEqual([])
        const again = JSON.parse(JSON.stringify(state)) as DocumentState
        const written = readDocument(docOf(writeState(again, random)))
        expect(said(written.state)).toEqual(said(state))
        expect(written.problems).toEqual([])
      }),
      { numRuns: 60 },
    )
  })

  test('says the same of logs, counters and native types', () => {
    const random = seededRandom(testSeed())
    const host = testHost()
    const [ofAnn, ofBob] = ['ann', 'bob'].map(actor =>
      openPartition(Events, { ...testHost({ actor }), doc: host.doc, clock: host.clock }),
    )
    ofAnn?.append({ n: 1 })
    ofBob?.append(new Date(7))
    ofAnn?.append('three')
    const counters = testHost()
    const hits = openPartition(definePartition({ name: 'hits', policy: 'counter' }), counters)
    hits.increment('up', 7)
    hits.decrement('down', 3)
    const native = new Y.Doc()
    native.getText('t').insert(0, 'bold', { bold: true })
    native.getMap('m').set('inner', new Y.Map([['x', 1]]))
    native.getArray('l').insert(0, [new Y.Text('in a list'), { plain: [1] }])
    for (const doc of [host.doc, counters.doc, native]) {
      const { state } = readDocument(docOf(Y.encodeStateAsUpdate(doc)))
      const written = readDocument(docOf(writeState(state, random)))
      expect(said(written.state)).toEqual(said(state))
      expect(written.problems).toEqual([])
    }
  })

  test('is refused for budgets and XML, which their text does not hold', () => {
    const random = seededRandom(1)
    const native = new Y.Doc()
    native.getXmlFragment('x').insert(0, [new Y.XmlElement('p')])
    const { state } = readDocument(docOf(Y.encodeStateAsUpdate(native)))
    const budget: DocumentState = { kind: 'budget', keys: {} }
    for (const refused of [state, budget]) {
      expect(() => writeState(refused, random)).toThrow(
        expect.objectContaining({ code: 'VALUE_INVALID' }),
      )
    }
  })
})

describe('an export', () => {
  test('makes documents again byte for byte', async () => {
    const storage = createMemoryStorage()
    const replica = await openReplica({ actor: 'ann', storage })
    onTestFinished(() => replica.close())
    const users = await replica.open(room('r1'), Users)
    users.set('alice', { name: 'Alice' })
    const look = replica.debugger()
    const json = JSON.parse(JSON.stringify(await exportJson(look)))
    const updates = readJsonExport(json, seededRandom(1))
    expect([...updates.keys()]).toEqual(['room:r1/users'])
    expect(updates.get('room:r1/users')).toEqual(await look.update('room:r1/users'))
    const valuesOnly = await exportJson(look, { valuesOnly: true })
    expect(valuesOnly.documents[0]).not.toHaveProperty('update')
    const anew = readJsonExport(JSON.parse(JSON.stringify(valuesOnly)), seededRandom(1))
    const other = new StateDebugger({
      documents: async () => [...anew.keys()],
      load: async name => {
        return { updates: [{ clock: 0, update: anew.get(name) as Uint8Array }], damaged: [] }
      },
    })
    const state = async (source: StateDebugger) =>
      said((await source.snapshot('room:r1/users')).state)
    expect(await state(other)).toEqual(await state(look))
  })

  test.each<[string, unknown, string]>([
    ['no export', {}, 'OPTION_INVALID'],
    [
      'a version that is not known',
      { format: 'statemesh-export', version: 2, documents: [] },
      'OPTION_INVALID',
    ],
    ['a name that is none', one({ document: '../x' }), 'DOCUMENT_NAME_INVALID'],
    ['an update that is none', one({ update: 'AQEB' }), 'UPDATE_INVALID'],
    [
      'a row that cannot be stored',
      one({ state: { kind: 'registers', keys: { '': entry(1) } } }),
      'KEY_INVALID',
    ],
    [
      'an actor that is none',
      one({ state: { kind: 'registers', keys: { k: { ...entry(1), by: '' } } } }),
      'ID_INVALID',
    ],
    [
      'a value that is malformed',
      one({ state: { kind: 'registers', keys: { k: entry({ $: 'bigint', of: 'x' }) } } }),
      'VALUE_INVALID',
    ],
  ])('is refused when it is %s', (_, json, code) => {
    expect(() => readJsonExport(json, seededRandom(1))).toThrow(expect.objectContaining({ code }))
  })
})

function entry(of: unknown) {
  return { value: of, by: 'ann', at: 0, stamp: 1024, writer: 1 }
}

function one(document: object): unknown {
  const whole = { document: 'room:r1/users', state: { kind: 'empty' }, ...document }
  return { format: 'statemesh-export', version: 1, documents: [whole] }
}
