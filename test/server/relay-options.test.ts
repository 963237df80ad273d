/** What users get wrong when they embed a relay: a code, and nothing begun. */
import { describe, expect, it } from 'vitest'
import { createRelay } from '../../server/relay.ts'
import type { RelayOptions } from '../../server/relay-options.ts'
import { createMemoryStorage } from '../../src/index.ts'

describe('createRelay', () => {
  const storage = createMemoryStorage()

  it.each([
    ['no options', undefined],
    ['no storage', {}],
    ['a directory, which `openLevelStorage` opens', { storage: './data' }],
    ['an option that there is not', { storage, limit: {} }],
    ['a limit that there is not', { storage, limits: { channels: 5 } }],
    ['a limit that is no number', { storage, limits: { channelsMax: Number.NaN } }],
    ['a negative limit', { storage, limits: { windowBytes: -1 } }],
    ['a forwarding that there is not', { storage, forward: 'soon' }],
    ['a verifier that verifies nothing', { storage, tokens: {} }],
    ['a figure that there is not', { storage, thresholds: { load: { warning: 1 } } }],
    ['a misspelt setting of compaction', { storage, compaction: { updates: 5 } }],
  ])('refuses %s', async (_, options) => {
    const opening = createRelay(options as unknown as RelayOptions)
    await expect(opening).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect(await storage.records('')).toEqual(new Map())
  })
})
