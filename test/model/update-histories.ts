/**
 * Random histories of real Yjs documents, by seed: several clients write shared types of every
 * kind, exchange a part of what they wrote, undo, delete and collect garbage. Out of one come
 * updates in all the forms that Yjs makes.
 */
import * as Y from 'yjs'
import { type RandomSource, seededRandom } from '../../src/base/random.ts'

const strings = [
  'a',
  'hello ',
  'né',
  '日本',
  '😀',
  'x😀y',
  '\ud800',
  'a\udc00b',
  '\ufeff',
  '\0',
  '"\\\n',
]
const keys = ['a', 'b', 'ключ', 'constructor', '__proto__']
const values: unknown[] = [
  null,
  [undefined],
  true,
  false,
  0,
  -0,
  -7,
  2 ** 31,
  2 ** 53,
  1.5,
  0.1,
  { n: 10n },
  'text',
  '😀',
  [],
  [1, [2, [3, null]]],
  {},
  { a: { b: [{ c: 'deep' }] } },
  new Uint8Array([1, 2, 3]),
]

/** The origin of what a document took from another one. */
const exchange = 'exchange'

/** Picks by seed. */
export class Chooser {
  readonly #random: RandomSource

  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  below(limit: number): number {
    return this.#random.uint32() % limit
  }

  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T
  }
}

export interface History {
  /** Each update as one transaction made it, in an order in which all can be applied. */
  readonly log: readonly Uint8Array[]
  /** Updates in every form: single, merged, whole states, diffs. */
  readonly updates: readonly Uint8Array[]
}

export function randomHistory(seed: number, steps = 40): History {
  const choose = new Chooser(seed)
  const log: Uint8Array[] = []
  const docs = Array.from({ length: 1 + choose.below(4) }, (_, index) =>
    newWriter(choose, index, log),
  )
  for (let step = 0; step < steps; step++) {
    const writer = choose.of(docs)
    if (choose.chance(15))
      Y.applyUpdate(writer.doc, exchanged(choose, writer.doc, choose.of(docs).doc), exchange)
    else if (choose.chance(10)) undoOrRedo(choose, writer.undo)
    else writer.doc.transact(() => write(choose, writer.doc))
  }
  return {
    log,
    updates: forms(
      choose,
      log,
      docs.map(({ doc }) => doc),
    ),
  }
}

/** A document that took a random part of a history in, in order, and has nothing pending. */
export function randomReceiver(choose: Chooser, log: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc({ gc: choose.chance(60) })
  doc.clientID = 900 + choose.below(90)
  const upTo = choose.below(log.length + 1)
  for (let index = 0; index < upTo; index++) Y.applyUpdate(doc, log[index] as Uint8Array)
  return doc
}

interface Writer {
  readonly doc: Y.Doc
  readonly undo: Y.UndoManager
}

function newWriter(choose: Chooser, index: number, log: Uint8Array[]): Writer {
  const doc = new Y.Doc({ gc: choose.chance(60) })
  doc.clientID = choose.chance(50) ? 1 + index : 2 ** 32 - 1 - index * 1000 - choose.below(1000)
  doc.on('update', (update: Uint8Array, origin: unknown) => {
    if (origin !== exchange) log.push(update)
  })
  const roots = [
    doc.getText('text'),
    doc.getArray('array'),
    doc.getMap('map'),
    doc.getXmlFragment('xml'),
  ]
  return {
    doc,
    undo: new Y.UndoManager(roots, { captureTimeout: 0, trackedOrigins: new Set([null]) }),
  }
}

function exchanged(choose: Chooser, into: Y.Doc, from: Y.Doc): Uint8Array {
  return choose.chance(50)
    ? Y.encodeStateAsUpdate(from, Y.encodeStateVector(into))
    : Y.encodeStateAsUpdate(from)
}

function undoOrRedo(choose: Chooser, undo: Y.UndoManager): void {
  if (choose.chance(60)) undo.undo()
  else undo.redo()
}

function write(choose: Chooser, doc: Y.Doc): void {
  for (let changes = 1 + choose.below(3); changes > 0; changes--) {
    const root = choose.below(4)
    if (root === 0) writeText(choose, doc.getText('text'))
    else if (root === 1) writeArray(choose, doc.getArray('array'))
    else if (root === 2) writeMap(choose, doc.getMap('map'))
    else writeXml(choose, doc.getXmlFragment('xml'))
  }
}

function writeText(choose: Chooser, text: Y.Text): void {
  const at = choose.below(text.length + 1)
  const rest = text.length - at
  const action = choose.below(5)
  if (action === 0 && rest > 0) text.delete(at, 1 + choose.below(rest))
  else if (action === 1 && rest > 0) text.format(at, 1 + choose.below(rest), attributes(choose))
  else if (action === 2)
    text.insertEmbed(at, { image: choose.of(strings), nested: [1, { a: null }] })
  else text.insert(at, choose.of(strings), ...(choose.chance(30) ? [attributes(choose)] : []))
}

function attributes(choose: Chooser): Record<string, unknown> {
  return { [choose.of(['bold', 'ссылка'])]: choose.of([true, null, 'u', { href: 'x', n: [1] }]) }
}

function writeArray(choose: Chooser, array: Y.Array<unknown>): void {
  const at = choose.below(array.length + 1)
  if (choose.chance(25) && at < array.length) {
    array.delete(at, 1 + choose.below(array.length - at))
    return
  }
  if (choose.chance(30) && at < array.length) {
    const inner = array.get(at)
    if (inner instanceof Y.AbstractType) return writeInto(choose, inner)
  }
  const inserted = choose.chance(30)
    ? [nested(choose)]
    : Array.from({ length: 1 + choose.below(4) }, () => choose.of(values))
  array.insert(at, inserted)
}

function writeMap(choose: Chooser, map: Y.Map<unknown>): void {
  const key = choose.of(keys)
  const held = map.get(key)
  if (held instanceof Y.AbstractType && choose.chance(50)) writeInto(choose, held)
  else if (choose.chance(25)) map.delete(key)
  else map.set(key, choose.chance(30) ? nested(choose) : choose.of(values))
}

function writeXml(choose: Chooser, xml: Y.XmlFragment): void {
  const at = choose.below(xml.length + 1)
  const held = at < xml.length ? xml.get(at) : undefined
  if (held !== undefined && choose.chance(20)) xml.delete(at, 1 + choose.below(xml.length - at))
  else if (held instanceof Y.XmlElement && choose.chance(60)) {
    if (choose.chance(50)) held.setAttribute(choose.of(keys), choose.of(strings))
    else writeXml(choose, held)
  } else
    xml.insert(at, [
      choose.chance(50) ? new Y.XmlText('t') : new Y.XmlElement(choose.of(['p', 'Дом'])),
    ])
}

function nested(choose: Chooser): unknown {
  const kind = choose.below(6)
  if (kind === 0) return new Y.Map([['k', 1]])
  if (kind === 1) return Y.Array.from([1, 'two'])
  if (kind === 2) return new Y.Text('nested')
  if (kind === 3) return new Y.XmlElement('div')
  if (kind === 4) return new Y.XmlHook('hook')
  return new Y.Doc({
    guid: `sub-${choose.below(1000)}`,
    autoLoad: choose.chance(50),
    meta: { m: [1] },
  })
}

function writeInto(choose: Chooser, type: Y.AbstractType<unknown>): void {
  if (type instanceof Y.XmlFragment) writeXml(choose, type)
  else if (type instanceof Y.Text) writeText(choose, type)
  else if (type instanceof Y.Array) writeArray(choose, type)
  else if (type instanceof Y.Map) writeMap(choose, type)
}

function forms(choose: Chooser, log: readonly Uint8Array[], docs: readonly Y.Doc[]): Uint8Array[] {
  const updates = [...log]
  for (const doc of docs) updates.push(Y.encodeStateAsUpdate(doc))
  if (log.length === 0) return updates
  for (let more = 0; more < 8; more++) {
    const some = log.filter(() => choose.chance(10 + 10 * more))
    if (some.length === 0) continue
    const merged = Y.mergeUpdates(some)
    updates.push(merged)
    const state = Y.encodeStateVector(randomReceiver(choose, log))
    updates.push(Y.diffUpdate(merged, state))
    updates.push(Y.encodeStateAsUpdate(choose.of(docs), state))
  }
  return updates
}
