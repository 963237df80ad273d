/** Ids that must be refused wherever a user may give one. */
export const hostileIds: readonly (readonly [what: string, id: unknown])[] = [
  ['empty', ''],
  ['a NUL', 'a\0b'],
  ['a line break', 'a\nb'],
  ['a delete character', 'a\x7f'],
  ['a C1 control character', 'a\x85'],
  ['half a surrogate pair', 'a\ud800'],
  ['the other half', '\udc00a'],
  ['257 bytes', 'a'.repeat(257)],
  ['258 bytes in 129 characters', 'ü'.repeat(129)],
  ['a megabyte', 'a'.repeat(2 ** 20)],
  ['a number', 7],
  ['undefined', undefined],
  ['null', null],
  ['an object', { toString: () => 'a' }],
]

/** Ids that look dangerous in a path, a URL or an object and are legal all the same. */
export const oddIds: readonly string[] = [
  '.',
  '..',
  '/',
  '../../etc/passwd',
  'a/room:b',
  ':',
  '%',
  '%2F',
  '?x=1#y',
  ' ',
  '__proto__',
  'constructor',
  'Zoë 🦊',
  '\ufeffa',
  "!'()*~",
  'ü'.repeat(128),
  'a'.repeat(256),
]
