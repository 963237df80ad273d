/**
 * Updates that must be refused, each with the reason that the refusal gives. Most of them Yjs
 * accepts, or applies in part before it throws.
 */

export interface HostileUpdate {
  readonly name: string
  readonly bytes: readonly number[]
  readonly refusal: RegExp
}

/** As an update holds it: its length, and its bytes in UTF-8. */
export function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value)
  return [...varUint(bytes.length), ...bytes]
}

/** A number as updates hold them, seven bits a byte; also beyond what Yjs takes. */
export function varUint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return [...bytes, rest]
}

/** An update with one section, of client 1 from clock 0, and no deletions. */
const structs = (...list: number[][]): number[] => [1, list.length, 1, 0, ...list.flat(), 0]
/** An item in the root type `t`. */
const item = (kind: number, ...content: number[]): number[] => [kind, 1, ...text('t'), ...content]
/** An update with one deletion by client 1 and no structs. */
const deletion = (clock: number, length: number): number[] => [
  ...[0, 1, 1, 1],
  ...varUint(clock),
  ...varUint(length),
]
/** An item with one plain value. */
const any = (...value: number[]): number[] => structs(item(8, 1, ...value))
const one = item(8, 1, 126)
const hostile = (name: string, bytes: number[], refusal: RegExp): HostileUpdate => ({
  name,
  bytes,
  refusal,
})

const lengths: HostileUpdate[] = [
  hostile('a gc of no length', structs([0, 0]), /gc or skip struct has no length/),
  hostile('a skip of no length', structs([10, 0], one), /gc or skip struct has no length/),
  hostile('a deleted content of no length', structs(item(1, 0)), /deleted content has no length/),
  hostile('an empty string content', structs(item(4, 0)), /string content has no length/),
  hostile('an empty any content', structs(item(8, 0)), /list content has no length/),
  hostile('an empty JSON content', structs(item(2, 0)), /list content has no length/),
  hostile('a deletion of no length', deletion(0, 0), /deletion has no length/),
  hostile('a client section without structs', structs(), /section has no length|do not fit/),
  hostile('a section without structs in a longer update', [1, 0, 1, 0, 0, 0, 0], /section has no/),
  hostile('a section that only skips', structs([10, 5]), /only skips/),
]

const counts: HostileUpdate[] = [
  hostile('no bytes at all', [], /ends too early/),
  hostile('only a number of clients', [1], /do not fit/),
  hostile('no delete set', [0], /ends too early/),
  hostile('33 million structs in 7 bytes', [1, ...varUint(2 ** 25), 1, 0, 0], /do not fit/),
  hostile('33 million clients', [...varUint(2 ** 25), 1, 1, 0, 0, 1, 0], /do not fit/),
  hostile('33 million deletions', [0, 1, 1, ...varUint(2 ** 25), 0, 1], /do not fit/),
  hostile('33 million deleting clients', [0, ...varUint(2 ** 25), 1, 1, 0, 1], /do not fit/),
  hostile('33 million plain values', structs(item(8, ...varUint(2 ** 25), 126)), /do not fit/),
  hostile('33 million JSON values', structs(item(2, ...varUint(2 ** 25), 1, 49)), /do not fit/),
  hostile('an array of 33 million', any(117, ...varUint(2 ** 25), 126), /do not fit/),
  hostile('an object of 33 million keys', any(118, ...varUint(2 ** 25), 1, 97, 126), /do not fit/),
  hostile('a string past the end', structs(item(4, 100, 97)), /past the end/),
  hostile('binary past the end', structs(item(3, 100, 1)), /past the end/),
  hostile('a byte array past the end', any(116, 100, 1), /past the end/),
  hostile('a float cut off', [1, 1, 1, 0, ...item(8, 1, 123, 0, 0)], /past the end/),
]

const numbers: HostileUpdate[] = [
  hostile('a number that never ends', [...Array(200).fill(0x80), 0], /more than 53 bits/),
  hostile('a number of 54 bits', [1, 1, 1, ...varUint(2 ** 53), 0, 1, 0], /more than 53 bits/),
  hostile('a plain integer that never ends', any(125, ...Array(20).fill(0xff)), /53 bits/),
  hostile('a client id of 33 bits', [1, 1, ...varUint(2 ** 32), 0, 0, 1, 0], /largest client id/),
  hostile(
    'a deleting client of 33 bits',
    [0, 1, ...varUint(2 ** 32), 1, 0, 1],
    /largest client id/,
  ),
  hostile(
    'a neighbour of a client of 33 bits',
    structs([0x84, ...varUint(2 ** 32), 0, ...text('a')]),
    /largest client id/,
  ),
  hostile('a gc that uses up the clocks', structs([0, ...varUint(2 ** 41)]), /clock is beyond/),
  hostile('deleted content that does', structs(item(1, ...varUint(2 ** 52))), /clock is beyond/),
  hostile('a first clock out of range', [1, 1, 1, ...varUint(2 ** 41), 0, 1, 0], /clock is beyond/),
  hostile('a skip out of range', structs([10, ...varUint(2 ** 41)], one), /clock is beyond/),
  hostile('a deletion of a whole future', deletion(0, 2 ** 50), /clock is beyond/),
  hostile('a deletion whose end is out of range', deletion(2 ** 40 - 1, 2), /clock is beyond/),
  hostile(
    'a neighbour at a clock out of range',
    structs([0x84, 2, ...varUint(2 ** 41), ...text('a')]),
    /clock is beyond/,
  ),
]

const kinds: HostileUpdate[] = [
  hostile('content of kind 11', structs(item(11, 1)), /unknown kind 11/),
  hostile('content of kind 31', structs(item(31, 1)), /unknown kind 31/),
  hostile('a gc with flags', structs([0x80, 1]), /has flags/),
  hostile('a skip with flags', structs([0x8a, 1], one), /has flags/),
  hostile('a shared type of kind 7', structs(item(7, 7)), /shared type of the unknown kind 7/),
  hostile('a plain value of kind 115', any(115), /unknown kind 115/),
  hostile('a plain value of kind 128', any(128), /unknown kind 128/),
  hostile('a parent that is neither name nor id', structs([4, 2, 1, 0, 1, 97]), /neither a name/),
]

const structure: HostileUpdate[] = [
  hostile('two sections of one client', [2, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0], /two sections/),
  hostile('a left neighbour in its own future', structs([0x84, 1, 5, 1, 97]), /not older/),
  hostile('a right neighbour that is itself', structs([0x44, 1, 0, 1, 97]), /not older/),
  hostile(
    'a parent that is itself',
    structs([4, 0, 1, 0, 1, 97]),
    /parent of a struct is not older/,
  ),
]

const texts: HostileUpdate[] = [
  hostile('a lone continuation byte', structs(item(4, 1, 0x80)), /not valid UTF-8/),
  hostile('an overlong slash', structs(item(4, 2, 0xc0, 0xaf)), /not valid UTF-8/),
  hostile('an overlong three-byte form', structs(item(4, 3, 0xe0, 0x80, 0x80)), /not valid UTF-8/),
  hostile('a surrogate half', structs(item(4, 3, 0xed, 0xa0, 0x80)), /not valid UTF-8/),
  hostile('a code point too large', structs(item(4, 4, 0xf4, 0x90, 0x80, 0x80)), /not valid UTF-8/),
  hostile('a cut sequence', structs(item(4, 2, 0xe2, 0x82)), /not valid UTF-8/),
  hostile('a bad root name', structs([4, 1, 1, 0xff, 1, 97]), /not valid UTF-8/),
  hostile('a bad map key', structs([0x28, 1, 1, 97, 1, 0xff, 1, 126]), /not valid UTF-8/),
  hostile('a bad node name', structs(item(7, 3, 1, 0xff)), /not valid UTF-8/),
  hostile('a bad object key', any(118, 1, 1, 0xff, 126), /not valid UTF-8/),
  hostile('a bad guid', structs(item(9, 1, 0xff, 118, 0)), /not valid UTF-8/),
]

const values: HostileUpdate[] = [
  hostile('an embed that is no JSON', structs(item(5, ...text('{'))), /JSON text is malformed/),
  hostile('an undefined embed', structs(item(5, ...text('undefined'))), /JSON text is malformed/),
  hostile('an empty embed', structs(item(5, 0)), /JSON text is malformed/),
  hostile('two values in one embed', structs(item(5, ...text('1 2'))), /JSON text is malformed/),
  hostile('a format without a value', structs(item(6, ...text('b'), 0)), /JSON text is malformed/),
  hostile('a JSON content that is none', structs(item(2, 1, ...text('nul'))), /JSON text is malf/),
  hostile(
    'a JSON text behind a byte order mark',
    structs(item(5, ...text('\ufeff1'))),
    /JSON text/,
  ),
  hostile(
    'a JSON text 20,000 levels deep',
    structs(item(5, ...text('['.repeat(20_000) + ']'.repeat(20_000)))),
    /too deeply nested/,
  ),
  hostile(
    'a plain value 20,000 levels deep',
    any(...Array(20_000).fill([117, 1]).flat(), 126),
    /nested too deeply/,
  ),
  hostile(
    'an object with a prototype',
    any(118, 1, ...text('__proto__'), 118, 1, ...text('admin'), 120),
    /key __proto__ is not allowed/,
  ),
  hostile('subdocument options that are null', structs(item(9, 1, 97, 126)), /are no object/),
  hostile(
    'subdocument options that replace the guid',
    structs(item(9, 1, 97, 118, 1, ...text('guid'), 125, 1)),
    /key guid is not allowed/,
  ),
  hostile(
    'subdocument options with a gc filter',
    structs(item(9, 1, 97, 118, 1, ...text('gcFilter'), 126)),
    /key gcFilter is not allowed/,
  ),
]

export const hostileUpdates: readonly HostileUpdate[] = [
  ...lengths,
  ...counts,
  ...numbers,
  ...kinds,
  ...structure,
  ...texts,
  ...values,
]
