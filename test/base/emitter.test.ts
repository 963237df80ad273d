import { afterEach, describe, expect, it, vi } from 'vitest'
import { Emitter } from '../../src/base/emitter.ts'

interface Events {
  [name: string]: unknown
  change: number
  close: string
}

describe('an emitter', () => {
  it('calls the listeners of an event in the order in which they came', () => {
    const emitter = new Emitter<Events>()
    const calls: string[] = []
    emitter.on('change', value => calls.push(`first ${value}`))
    emitter.on('change', value => calls.push(`second ${value}`))
    emitter.on('close', value => calls.push(`close ${value}`))
    emitter.emit('change', 1)
    emitter.emit('change', 2)
    expect(calls).toEqual(['first 1', 'second 1', 'first 2', 'second 2'])
  })

  it('lets one function listen twice and leave once', () => {
    const emitter = new Emitter<Events>()
    const listener = vi.fn()
    const leave = emitter.on('change', listener)
    emitter.on('change', listener)
    leave()
    leave()
    emitter.emit('change', 1)
    expect(listener).toHaveBeenCalledTimes(1)
  })

  it('says whether anybody listens', () => {
    const emitter = new Emitter<Events>()
    expect(emitter.has('change')).toBe(false)
    const leave = emitter.on('change', () => {})
    expect([emitter.has('change'), emitter.has('close')]).toEqual([true, false])
    leave()
    expect(emitter.has('change')).toBe(false)
  })

  it('does not call a listener that left or came while the event is being told', () => {
    const emitter = new Emitter<Events>()
    const left = vi.fn()
    const came = vi.fn()
    emitter.on('change', () => {
      leave()
      emitter.on('change', came)
    })
    const leave = emitter.on('change', left)
    emitter.emit('change', 1)
    expect(left).not.toHaveBeenCalled()
    expect(came).not.toHaveBeenCalled()
  })
})

describe('a listener that throws', () => {
  const uncaught = process.listeners('uncaughtException')
  afterEach(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of uncaught) process.on('uncaughtException', listener)
  })

  it('stops neither the others nor the emitter, and is heard as an uncaught error', async () => {
    const seen = new Promise(resolve => {
      process.removeAllListeners('uncaughtException')
      process.once('uncaughtException', resolve)
    })
    const emitter = new Emitter<Events>()
    const failure = new Error('from a listener')
    const other = vi.fn()
    emitter.on('change', () => {
      throw failure
    })
    emitter.on('change', other)
    emitter.emit('change', 7)
    expect(other).toHaveBeenCalledWith(7)
    expect(await seen).toBe(failure)
  })
})
