import { describe, expect, it } from 'vitest'
import { StatemeshError } from '../../src/base/error.ts'
import { seededRandom } from '../../src/base/random.ts'
import { Journal } from '../../src/document/journal.ts'
import { manualTime } from '../support/manual-time.ts'

/** A disk that answers when told, in order, as the storage port promises. */
function controlledDisk() {
  const written: string[] = []
  const issued: Array<{ name: string; succeed(): void; fail(): void }> = []
  const write = (name: string) => () =>
    new Promise<void>((resolve, reject) => {
      issued.push({
        name,
        succeed: () => {
          written.push(name)
          resolve()
        },
        fail: () => reject(new StatemeshError('STORAGE_UNAVAILABLE', `${name} was refused`)),
      })
    })
  return { written, issued, write }
}

function setUp() {
  const time = manualTime()
  const errors: StatemeshError[] = []
  const journal = new Journal({
    time,
    random: seededRandom(1),
    onError: error => errors.push(error),
  })
  return { time, errors, journal, ...controlledDisk() }
}

const turn = () => new Promise(resolve => setImmediate(resolve))

describe('a journal', () => {
  it('issues writes at once and reports them durable in their order', async () => {
    const { journal, issued, write } = setUp()
    const first = journal.push(write('a'))
    journal.push(write('b'))
    expect(issued.map(({ name }) => name)).toEqual(['a', 'b'])
    const order: string[] = []
    const both = journal.whenDurable().then(() => order.push('both'))
    const one = journal.whenDurable(first).then(() => order.push('one'))
    issued[0]?.succeed()
    await one
    expect(journal.durablePosition).toBe(first)
    issued[1]?.succeed()
    await both
    expect(order).toEqual(['one', 'both'])
  })

  it('pushes what was deferred at the end of the turn, and before anything else', async () => {
    const { journal, issued, write } = setUp()
    const names = () => issued.map(({ name }) => name)
    journal.defer(() => journal.push(write('a')))
    expect(names()).toEqual([])
    await turn()
    journal.defer(() => journal.push(write('b')))
    journal.push(write('c'))
    journal.defer(() => journal.push(write('d')))
    journal.defer(() => journal.push(write('e')))
    const durable = journal.whenDurable()
    expect(names()).toEqual(['a', 'b', 'c', 'd', 'e'])
    for (const { succeed } of issued) succeed()
    await durable
    await turn()
    expect(issued).toHaveLength(5)
  })

  it('resolves at once when nothing is under way', async () => {
    await expect(setUp().journal.whenDurable()).resolves.toBeUndefined()
  })

  it('keeps what the disk refused and writes all of it again, in order', async () => {
    const { journal, issued, write, written, time, errors } = setUp()
    for (const name of ['a', 'b', 'c']) journal.push(write(name))
    const failed = expect(journal.whenDurable()).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    })
    issued[0]?.succeed()
    await turn()
    issued[1]?.fail()
    issued[2]?.fail()
    await failed
    journal.push(write('d'))
    expect(errors).toHaveLength(1)
    expect(issued).toHaveLength(3)
    time.advance(10_000)
    expect(issued.slice(3).map(({ name }) => name)).toEqual(['b', 'c', 'd'])
    const durable = journal.whenDurable()
    for (const { succeed } of issued.slice(3)) succeed()
    await durable
    expect(written).toEqual(['a', 'b', 'c', 'd'])
  })

  it('writes again what got through behind a refusal, so that the order holds', async () => {
    const { journal, issued, write, written, time } = setUp()
    for (const name of ['a', 'b']) journal.push(write(name))
    issued[0]?.fail()
    issued[1]?.succeed()
    await turn()
    expect(journal.durablePosition).toBe(0)
    time.advance(10_000)
    for (const { succeed } of issued.slice(2)) succeed()
    await journal.whenDurable()
    expect(written).toEqual(['b', 'a', 'b'])
  })

  it('rejects waits with CLOSED once it is closed, and tries no more', async () => {
    const { journal, issued, write, time } = setUp()
    journal.push(write('a'))
    const waiting = expect(journal.whenDurable()).rejects.toMatchObject({ code: 'CLOSED' })
    journal.close()
    await waiting
    issued[0]?.fail()
    await turn()
    time.advance(60_000)
    expect(issued).toHaveLength(1)
    await expect(journal.whenDurable()).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
