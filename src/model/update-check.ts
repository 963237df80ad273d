/**
 * Whether a document of a known state could take an update in now, as Yjs would: all of it, or
 * not. Yjs sets aside what it cannot integrate yet and pays for that at every later update, so
 * nobody here stores or applies an update that leaves a gap; the sender is asked again instead.
 */
import type { DeleteRangeSet, DeleteRanges } from './delete-ranges.ts'
import type { UpdateStructure } from './update-structure.ts'

/** Per client the clock that it writes next. */
export type StateVector = ReadonlyMap<number, number>

/** A state to look clients up in: a state vector, or the store of a `Y.Doc` behind a `get`. */
export type KnownState = Pick<StateVector, 'get'>

/** `new`: it brings something and all of it can be integrated. `known`: it brings nothing.
 * `gap`: a part builds on something that is neither in the state nor in the update. */
export type UpdateVerdict = 'new' | 'known' | 'gap'

/**
 * Judges an update against a state vector and, if given, the deletions already known; without
 * those every deletion counts as new.
 *
 * It answers as `Y.applyUpdate` would act, with two exceptions. Both are a gap, so that the
 * sender is asked for what lies behind the state, cut to measure:
 * - An item that the state covers in part. Yjs takes the rest in where the item says it stands; if
 *   that is not where the known part stands, the document throws from then on when it is encoded.
 *   Nothing but the document itself can tell. A diff against the state holds no such item.
 * - A struct that the state covers, but which claims to build on something outside the state,
 *   even if the same update brings that. No client that tells the truth sends one.
 */
export function checkUpdate(
  structure: UpdateStructure,
  state: KnownState,
  knownDeletes?: DeleteRangeSet,
): UpdateVerdict {
  let brings = false
  for (const [client, runs] of structure.structs) {
    const last = runs[runs.length - 1]
    if (last === undefined) continue
    const known = state.get(client) ?? 0
    // With the last run in reach, those before it are known: they end before it starts.
    if (last.clock > known) return 'gap'
    if (last.clock + last.length <= known) continue
    if (cutsAnItem(structure, client, known)) return 'gap'
    brings = true
  }
  if (!needsAreMet(structure, state)) return 'gap'
  if (!deletesAreInReach(structure, state)) return 'gap'
  if (brings) return 'new'
  if (structure.deletes.size === 0) return 'known'
  return knownDeletes?.contains(structure.deletes) ? 'known' : 'new'
}

/** Moves a state vector past an update that `checkUpdate` did not call a gap. */
export function advanceState(state: Map<number, number>, structure: UpdateStructure): void {
  for (const client of structure.structs.keys()) {
    const end = endOf(structure, client)
    if (end > (state.get(client) ?? 0)) state.set(client, end)
  }
}

/** The clock after the last struct that the update holds of a client; 0 without one. */
export function endOf(structure: UpdateStructure, client: number): number {
  const runs = structure.structs.get(client)
  const last = runs?.[runs.length - 1]
  return last === undefined ? 0 : last.clock + last.length
}

/** Whether `clock` is inside of an item of the update, and not at its start. */
function cutsAnItem(structure: UpdateStructure, client: number, clock: number): boolean {
  const items = structure.longItems.get(client)
  if (items === undefined) return false
  for (let at = 0; at < items.length; at += 2) {
    const start = items[at] as number
    if (start >= clock) return false
    if (start + (items[at + 1] as number) > clock) return true
  }
  return false
}

function deletesAreInReach(structure: UpdateStructure, state: KnownState): boolean {
  for (const [client, ranges] of structure.deletes as DeleteRanges) {
    const last = ranges[ranges.length - 1]
    if (last === undefined) continue
    const end = last.clock + last.length
    if (end > (state.get(client) ?? 0) && end > endOf(structure, client)) return false
  }
  return true
}

function needsAreMet(structure: UpdateStructure, state: KnownState): boolean {
  let within = false
  for (const [client, needs] of structure.needs) {
    const known = state.get(client) ?? 0
    for (let at = 0; at < needs.length; at += 3) {
      if ((needs[at + 2] as number) < (state.get(needs[at + 1] as number) ?? 0)) continue
      if ((needs[at] as number) < known) return false
      within = true
    }
  }
  return !within || new Integration(structure, state).completes()
}

/** One client's part of an integration: how far it has come, and how far it is asked to come. */
interface Lane {
  readonly needs: readonly number[]
  next: number
  readonly end: number
  target: number
  waiting: boolean
}

/**
 * Tries the order in which Yjs could integrate an update whose clients need one another: follow
 * a need to the client that must come first, until a client waits for itself (there is no such
 * order) or has nothing left to give. Every step meets a need, so the time is linear in them.
 */
class Integration {
  readonly #state: KnownState
  readonly #lanes = new Map<number, Lane>()

  constructor(structure: UpdateStructure, state: KnownState) {
    this.#state = state
    for (const client of structure.structs.keys()) {
      const end = Math.max(endOf(structure, client), state.get(client) ?? 0)
      const needs = structure.needs.get(client) ?? []
      this.#lanes.set(client, { needs, next: 0, end, target: end, waiting: false })
    }
  }

  completes(): boolean {
    for (const lane of this.#lanes.values()) {
      if (!this.#run(lane)) return false
    }
    return true
  }

  /** Brings a lane to its end, and others as far as that takes. */
  #run(first: Lane): boolean {
    const stack: Lane[] = []
    let lane = first
    lane.target = lane.end
    for (;;) {
      const blocker = this.#advance(lane)
      if (blocker === undefined) {
        lane.waiting = false
        const below = stack.pop()
        if (below === undefined) return true
        lane = below
        continue
      }
      const other = this.#lanes.get(blocker.client)
      if (other === undefined || other.waiting || other.end <= blocker.clock) return false
      lane.waiting = true
      stack.push(lane)
      lane = other
      lane.target = blocker.clock + 1
    }
  }

  /** Moves a lane on until it is where it is asked to be; answers the need that stops it. */
  #advance(lane: Lane): { client: number; clock: number } | undefined {
    for (; lane.next < lane.needs.length; lane.next += 3) {
      if ((lane.needs[lane.next] as number) >= lane.target) return undefined
      const client = lane.needs[lane.next + 1] as number
      const clock = lane.needs[lane.next + 2] as number
      if (clock >= this.#reached(client)) return { client, clock }
    }
    return undefined
  }

  /** Every clock of a client below this one is integrated. */
  #reached(client: number): number {
    const known = this.#state.get(client) ?? 0
    const lane = this.#lanes.get(client)
    if (lane === undefined) return known
    // It may stand anywhere before its next need, since nothing stops it there.
    return lane.next < lane.needs.length
      ? Math.max(known, lane.needs[lane.next] as number)
      : lane.end
  }
}
