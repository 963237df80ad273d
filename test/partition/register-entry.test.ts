import { describe, expect, it } from 'vitest'
import { rowName, splitRowName } from '../../src/partition/register/register-entry.ts'

describe('the name of a row', () => {
  it('tells the key and the writer it was made of', () => {
    for (const writer of [0, 1, 35, 36, 2 ** 31, 2 ** 32 - 1, Number.MAX_SAFE_INTEGER]) {
      for (const key of ['k', 'a/b', 'ключ', ' ']) {
        expect(splitRowName(rowName(key, writer))).toEqual({ key, writer })
      }
    }
  })

  it('is refused where it would not be written so', () => {
    const beyond = (Number.MAX_SAFE_INTEGER + 1).toString(36)
    for (const writer of [
      '',
      '00',
      '01',
      '-1',
      '1.5',
      'A',
      ' 1',
      '1 ',
      'é',
      beyond,
      'z'.repeat(400),
    ]) {
      expect(splitRowName(`key\0${writer}`)).toBeUndefined()
    }
    for (const row of ['key', '\x001', '']) expect(splitRowName(row)).toBeUndefined()
  })
})
