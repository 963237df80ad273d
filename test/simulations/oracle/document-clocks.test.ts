import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { copyClocks, loggedDocument } from '../../../simulations/oracle/document-clocks.ts'

type Log = [Uint8Array, Uint8Array, Uint8Array, Uint8Array]

/** A plan that is replaced, a note, and a plan again, by one writer: an update each. */
function writtenLog(): Uint8Array[] {
  const doc = new Y.Doc()
  doc.clientID = 7
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  const state = doc.getMap('state')
  state.set('plan', 'first')
  state.set('plan', 'second')
  state.set('note', 'lost')
  state.set('plan', 'third')
  doc.destroy()
  return updates
}

describe('the document of a log on a disk', () => {
  it('leaves out what builds on a lost update, with its deletions', () => {
    const [first, second, , third] = writtenLog() as Log
    const whole = loggedDocument([first, second])
    const holed = loggedDocument([first, second, third])

    expect(holed.getMap('state').toJSON()).toEqual({ plan: 'second' })
    expect(Y.encodeStateAsUpdate(holed)).toEqual(Y.encodeStateAsUpdate(whole))
  })

  it('has all of it when the lost update is back, behind what builds on it', () => {
    const [first, second, note, third] = writtenLog() as Log
    const log = [first, second, third, note]

    expect(loggedDocument(log).getMap('state').toJSON()).toEqual({ plan: 'third', note: 'lost' })
    expect(copyClocks(loggedDocument(log))).toEqual(new Map([[7, 4]]))
  })
})
