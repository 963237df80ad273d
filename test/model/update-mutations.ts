/**
 * Damages valid updates at random, and makes up others that are well-formed but that no client
 * would send: by seed.
 */
import { text, varUint } from '../../simulations/faults/hostile-updates.ts'
import type { Chooser } from './update-histories.ts'

/** Bytes that mean something at many places of an update. */
const telling = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0x40, 0x7f, 0x80, 0x84, 0xc4, 0xff, 118, 119]

/** A copy of `update` with one to three damages; `other` lends it bytes. */
export function mutated(choose: Chooser, update: Uint8Array, other: Uint8Array): Uint8Array {
  let bytes = [...update]
  for (let damages = 1 + choose.below(3); damages > 0; damages--) {
    bytes = damaged(choose, bytes, other)
  }
  return new Uint8Array(bytes)
}

function damaged(choose: Chooser, bytes: number[], other: Uint8Array): number[] {
  if (bytes.length === 0) return [choose.below(256)]
  const at = choose.below(bytes.length)
  const byte = bytes[at] as number
  const length = 1 + choose.below(8)
  switch (choose.below(8)) {
    case 0:
      return bytes.with(at, byte ^ (1 << choose.below(8)))
    case 1:
    case 2:
      return bytes.with(at, choose.of(telling))
    case 3:
    case 4:
      return bytes.with(at, (byte + choose.of([1, 255])) & 255)
    case 5:
      return choose.chance(50)
        ? bytes.toSpliced(at, 0, choose.below(256))
        : bytes.toSpliced(at, choose.chance(50) ? 1 : length)
    case 6: // repeat a part elsewhere
      return bytes.toSpliced(choose.below(bytes.length), 0, ...bytes.slice(at, at + length))
    default: {
      // a part of the other update
      const from = choose.below(other.length)
      return bytes.toSpliced(at, length, ...other.subarray(from, from + length))
    }
  }
}

/**
 * A well-formed update of random structs on top of `state`: neighbours and parents anywhere that
 * is known, any content anywhere, clocks that overlap the state, random deletions.
 */
export function madeUp(choose: Chooser, state: ReadonlyMap<number, number>): Uint8Array {
  const ends = new Map(state)
  const clients = [...state.keys(), 77]
  const sections: number[][] = []
  for (let more = choose.below(3); more >= 0; more--) {
    const client = clients.splice(choose.below(clients.length), 1)[0]
    if (client !== undefined) sections.push(madeUpSection(choose, client, ends))
  }
  const deletes = madeUpDeletes(choose, ends)
  return new Uint8Array([...varUint(sections.length), ...sections.flat(), ...deletes])
}

function madeUpSection(choose: Chooser, client: number, ends: Map<number, number>): number[] {
  const known = ends.get(client) ?? 0
  const start = choose.chance(70) ? known : choose.below(known + 1)
  const count = 1 + choose.below(5)
  const bytes = [...varUint(count), ...varUint(client), ...varUint(start)]
  let clock = start
  for (let left = count; left > 0; left--) {
    const [struct, length] = madeUpStruct(choose, client, clock, ends)
    bytes.push(...struct)
    clock += length
    ends.set(client, Math.max(clock, ends.get(client) ?? 0))
  }
  return bytes
}

type Sized = [bytes: number[], length: number]

function madeUpStruct(
  choose: Chooser,
  client: number,
  clock: number,
  ends: ReadonlyMap<number, number>,
): Sized {
  const anyId = (): number[] => {
    const known = [...ends].filter(([other, end]) => (other === client ? clock : end) > 0)
    const [other, end] = choose.of(known)
    return [...varUint(other), ...varUint(choose.below(other === client ? clock : end))]
  }
  if (choose.chance(8)) {
    const length = 1 + choose.below(4)
    return [[0, length], length]
  }
  const [kind, content, length] = madeUpContent(choose)
  const idsExist = clock > 0 || [...ends.keys()].some(other => other !== client)
  const flags = idsExist ? choose.of([0, 0x80, 0x80, 0x40, 0xc0]) : 0
  const bytes = [...(flags & 0x80 ? anyId() : []), ...(flags & 0x40 ? anyId() : [])]
  let keyFlag = 0
  if (flags === 0) {
    const named = choose.chance(40) || !idsExist
    bytes.push(
      ...(named ? [1, ...text(choose.of(['text', 'array', 'map', 'xml']))] : [0, ...anyId()]),
    )
    if (choose.chance(40)) {
      keyFlag = 0x20
      bytes.push(...text(choose.of(['a', 'b', '__proto__'])))
    }
  }
  return [[flags | keyFlag | kind, ...bytes, ...content], length]
}

function madeUpContent(choose: Chooser): [kind: number, bytes: number[], length: number] {
  const length = 1 + choose.below(4)
  switch (choose.below(9)) {
    case 0:
      return [1, [length], length]
    case 1:
      return [2, [2, ...text('undefined'), ...text('{"__proto__":{"a":1}}')], 2]
    case 2:
      return [3, [0], 1]
    case 3:
      return [4, text('a😀'), 3]
    case 4:
      return [5, text(choose.of(['null', '{"a":[1e999,-0]}', '"\\ud800"'])), 1]
    case 5:
      return [
        6,
        [...text(choose.of(['b', '__proto__'])), ...text(choose.of(['null', '{"x":1}']))],
        1,
      ]
    case 6: {
      const type = choose.below(7)
      return [7, [type, ...(type === 3 || type === 5 ? text('p') : [])], 1]
    }
    case 7:
      return [8, [length, ...Array(length).fill(choose.of([126, 127, 120]))], length]
    default:
      return [9, [...text('guid'), 118, 1, ...text(choose.of(['gc', 'autoLoad', 'meta'])), 120], 1]
  }
}

function madeUpDeletes(choose: Chooser, ends: ReadonlyMap<number, number>): number[] {
  const some = [...ends].filter(([, end]) => end > 0 && choose.chance(40))
  return [
    ...varUint(some.length),
    ...some.flatMap(([client, end]) => {
      const clock = choose.below(end)
      return [...varUint(client), 1, ...varUint(clock), ...varUint(1 + choose.below(end - clock))]
    }),
  ]
}
