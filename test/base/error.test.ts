import { describe, expect, it } from 'vitest'
import { errorCodes, isErrorCode, StatemeshError, toStatemeshError } from '../../src/base/error.ts'

describe('an error', () => {
  it('carries its code, whether a retry may help, and its cause', () => {
    const cause = new Error('disk full')
    const error = new StatemeshError('STORAGE_UNAVAILABLE', 'not stored', { cause })
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({
      name: 'StatemeshError',
      code: 'STORAGE_UNAVAILABLE',
      retryable: true,
      message: 'not stored',
      cause,
    })
    expect(new StatemeshError('VALUE_INVALID', '').retryable).toBe(false)
  })

  it('is told in JSON without its cause and stack', () => {
    const error = new StatemeshError('CLOSED', 'gone', { cause: new Error('secret') })
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      code: 'CLOSED',
      retryable: false,
      message: 'gone',
    })
  })
})

describe('a code from the wire', () => {
  it('is known only if it is in the list', () => {
    expect(Object.keys(errorCodes).every(isErrorCode)).toBe(true)
    for (const code of ['', 'closed', 'NOT_A_CODE', 'toString', '__proto__', 'constructor']) {
      expect(isErrorCode(code)).toBe(false)
    }
  })
})

describe('any thrown value', () => {
  it('stays as it is when it is one of ours', () => {
    const error = new StatemeshError('CLOSED', 'gone')
    expect(toStatemeshError(error, 'LINK_FAILED')).toBe(error)
  })

  it.each([
    [new TypeError('bad'), 'bad'],
    ['text', 'text'],
    [undefined, 'undefined'],
    [null, 'null'],
    [Symbol('s'), 'Symbol(s)'],
  ])('is wrapped under the code otherwise: %o', (thrown, message) => {
    const error = toStatemeshError(thrown, 'LINK_FAILED')
    expect(error).toMatchObject({ code: 'LINK_FAILED', message })
    expect(error.cause).toBe(thrown)
  })
})
