import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { configOptions, readConfig } from '../../server/config.ts'
import { defaultRelayLimits } from '../../server/relay-options.ts'
import { inRepository } from '../support/repository.ts'

const invalid = (what: string) =>
  expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(what) })

describe('the configuration of a relay', () => {
  it('has a default for everything', () => {
    const config = readConfig({})
    expect(config).toMatchObject({ host: '127.0.0.1', port: 4100, insecure: false })
    expect(config.limits).toEqual(defaultRelayLimits)
  })

  it('takes flags before the environment, and that before the file', () => {
    const file = { port: 1, data: 'of the file', channelsMax: 7, origins: ['https://a.example'] }
    const environment = { STATEMESH_PORT: '2', STATEMESH_CHANNELS_MAX: '8', OTHER: 'x' }
    const flags = { port: '3', insecure: true }
    const config = readConfig({ file, environment, flags })
    expect(config).toMatchObject({ port: 3, data: 'of the file', insecure: true })
    expect(config.origins).toEqual(['https://a.example'])
    expect(config.limits.channelsMax).toBe(8)
  })

  it('reads lists and switches from text', () => {
    const environment = { STATEMESH_ORIGINS: 'https://a, https://b', STATEMESH_INSECURE: 'true' }
    expect(readConfig({ environment })).toMatchObject({
      origins: ['https://a', 'https://b'],
      insecure: true,
    })
  })

  it.each([
    ['port', { port: 70_000 }],
    ['port', { port: 'http' }],
    ['port', { port: -1 }],
    ['port', { port: '' }],
    ['channelsMax', { channelsMax: 1.5 }],
    ['logLevel', { logLevel: 'loud' }],
    ['insecure', { insecure: 'yes' }],
    ['prot', { prot: 1 }],
  ])('says what is wrong: %s in %j', (what, file) => {
    expect(() => readConfig({ file })).toThrow(invalid(what))
  })

  it('reads thresholds of health, signal by signal, and leaves what they say of durations', () => {
    const environment = {
      STATEMESH_THRESHOLDS: 'queuedBytes=10:50, corruptions=off,residentBytes=:9e',
    }
    expect(() => readConfig({ environment })).toThrow(invalid('residentBytes=:9e'))
    const file = { thresholds: ['queuedBytes=10:50', 'corruptions=off', 'residentBytes=:9.5'] }
    expect(readConfig({ file }).thresholds).toEqual({
      queuedBytes: { warning: 10, critical: 50, forMilliseconds: 10_000 },
      corruptions: undefined,
      residentBytes: { critical: 9.5 },
    })
    expect(readConfig({}).thresholds).toBeUndefined()
    for (const wrong of ['queuedBytes', 'queuedBytes=', 'conflicts=1', 'toString=1', '']) {
      expect(() => readConfig({ flags: { thresholds: wrong } })).toThrow(invalid('thresholds'))
    }
  })

  it('names everything that is wrong at once', () => {
    const file = { port: 'x', channelsMax: 'y' }
    expect(() => readConfig({ file })).toThrow(invalid('port'))
    expect(() => readConfig({ file })).toThrow(invalid('channelsMax'))
  })

  it.each([[[]], ['text'], [null], [7]])('must be an object: %j', file => {
    expect(() => readConfig({ file })).toThrow(invalid('no JSON object'))
  })
})

describe('the README', () => {
  const readme = readFileSync(inRepository('README.md'), 'utf8')

  it.each(configOptions)('lists $name with its default and what it is', option => {
    const shown = option.default === undefined ? '' : ` \`${option.default}\``
    expect(readme.includes(`| \`${option.name}\` |${shown} | ${option.what} |`)).toBe(true)
  })
})
