import { describe, expect, it } from 'vitest'
import { agent, type Replica } from '../../src/index.ts'
import { openPluginState } from '../../src/state/plugin-state.ts'
import { apart, settle, startPair } from '../history/pair.ts'

const scope = agent('a1')
const open = (replica: Replica, plugin: string, quota = {}) =>
  openPluginState(replica, scope, plugin, { quota })

describe("a plugin's state", () => {
  it('is its own on every replica, with listeners', async () => {
    const { ann, bob } = await startPair()
    const ours = await open(ann, '@elizaos/weather')
    const theirs = await open(bob, '@elizaos/weather')
    const told: unknown[] = []
    theirs.subscribe(({ key, value, origin }) => told.push([key, value, origin]))
    ours.set('city', 'Oslo')
    await settle(ann, bob)
    theirs.set('unit', new Set(['C']))
    expect(theirs.get('city')).toBe('Oslo')
    expect(told).toEqual([
      ['city', 'Oslo', 'remote'],
      ['unit', new Set(['C']), 'local'],
    ])
    expect(theirs.keys().sort()).toEqual(['city', 'unit'])
    expect(theirs.delete('unit')).toBe(true)
    expect(theirs.has('unit')).toBe(false)
    theirs.close()
    expect(() => theirs.get('city')).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    expect(ours.get('city')).toBe('Oslo')
  })

  it('cannot be reached from another plugin, whatever the key or name is', async () => {
    const { ann } = await startPair()
    const names = ['a', 'b', 'a:b', 'A', 'a_3a', 'a:', '-a', 'a/b', 'ä', 'plugin-a', '__proto__']
    const plugins = await Promise.all(names.map(name => open(ann, name)))
    for (const [index, plugin] of plugins.entries()) plugin.set('secret', names[index])
    expect(plugins.map(plugin => plugin.get('secret'))).toEqual(names)
    const [plugin] = plugins
    const keys = ['b:secret', '../b/secret', 'plugin-b/secret', '/agent:a1/plugin-b', '__proto__']
    for (const key of [...keys, 'constructor', 'secret\u200b', 'reg', 'b\u0001secret']) {
      expect(plugin?.get(key), key).toBeUndefined()
      plugin?.set(key, 'mine')
    }
    expect(() => plugin?.set('secret\0b', 1)).toThrow(
      expect.objectContaining({ code: 'KEY_INVALID' }),
    )
    expect(plugins.slice(1).map(other => other.get('secret'))).toEqual(names.slice(1))
    expect(plugins.slice(1).every(other => other.usage().keys === 1)).toBe(true)
    expect(Reflect.ownKeys(plugin as object)).toEqual([])
    for (const name of ['', 'x'.repeat(60), 'a\0', '\ud800']) {
      await expect(open(ann, name)).rejects.toMatchObject({ code: 'ID_INVALID' })
    }
  })

  it('has a quota, which two that were cut off can only exceed together, and it shows', async () => {
    const { ann, bob } = await startPair()
    const [ours, theirs] = [
      await open(ann, 'p', { keysMax: 2 }),
      await open(bob, 'p', { keysMax: 2 }),
    ]
    const exceeded = expect.objectContaining({ code: 'QUOTA_EXCEEDED' })
    await settle(ann, bob)
    await apart([ann, bob], () => {
      for (const key of ['a', 'b']) {
        ours.set(`ours ${key}`, 1)
        theirs.set(`theirs ${key}`, 1)
      }
      expect(() => ours.set('c', 1)).toThrow(exceeded)
      ours.set('ours a', 2)
    })
    expect(ours.usage()).toMatchObject({ keys: 4, exceeded: true })
    expect(() => theirs.set('c', 1)).toThrow(exceeded)
    ours.delete('ours a')
    ours.delete('ours b')
    expect(ours.usage()).toMatchObject({ keys: 2, exceeded: false })
    const small = await open(ann, 'small', { bytesMax: 20 })
    small.set('k', '0123456789')
    expect(() => small.set('k', 'x'.repeat(30))).toThrow(exceeded)
    expect(() => small.set('l', 'x'.repeat(10))).toThrow(exceeded)
    expect(() => small.set('k', () => 0)).toThrow(
      expect.objectContaining({ code: 'VALUE_INVALID' }),
    )
    expect(small.get('k')).toBe('0123456789')
    expect(small.usage()).toEqual({ keys: 1, bytes: 13, exceeded: false })
    await expect(open(ann, 'q', { keysMax: -1 })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})
