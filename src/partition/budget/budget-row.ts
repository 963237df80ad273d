/**
 * One writer's row of one key of a budget, and its stored form. Only its writer writes it, whole
 * each time, so the latest that is known of a row is a state that its writer was in.
 */
import { StatemeshError } from '../../base/error.ts'

/** Rights given for good: cumulative, by recipient. */
export interface Given {
  readonly intended: number
  /** How much of it was durable with the giver before it was published; what may be used. */
  readonly usable: number
}

/**
 * `offered`: not known to be durable with the lessor, nothing may be drawn. `open`: the holder may
 * draw. `closing`: the lessor has decided what was spent, but that may not be durable. `closed`:
 * it is; the rest is back, and the lease only stays until the holder has taken note.
 */
export const leasePhases = ['offered', 'open', 'closing', 'closed'] as const
export type LeasePhase = (typeof leasePhases)[number]

/** Rights given until a moment. */
export interface Lease {
  readonly to: number
  readonly amount: number
  /** The lessor's wall clock, in milliseconds since the epoch. */
  readonly until: number
  /** The store of the relay that witnesses spends. */
  readonly generation: string
  readonly phase: LeasePhase
  /** When closing or closed: what stays with the holder. */
  readonly spent: number
}

/** What the holder of a lease spent from it. */
export interface Drawn {
  readonly amount: number
  /**
   * `final`: the holder will not draw on it any more. `noted`: it knows how the lease was closed,
   * and forgets its draws once that is durable.
   */
  readonly state: DrawnState
}

export const drawnStates = ['drawing', 'final', 'noted'] as const
export type DrawnState = (typeof drawnStates)[number]

/** A spend from leases that is not known to count; a part of `spent` and `drawn`. */
export interface Unconfirmed {
  readonly id: string
  readonly entry: LedgerEntry
  /** How much of it is drawn on which lease. */
  readonly draws: ReadonlyMap<string, number>
}

export interface RightsRequest {
  readonly actor: string
  /** What the writer needs to have. */
  readonly need: number
  /** The requester's wall clock, in milliseconds since the epoch. */
  readonly until: number
}

export const ledgerKinds = ['mint', 'debit', 'credit', 'transfer-in', 'transfer-out'] as const
export type LedgerKind = (typeof ledgerKinds)[number]

export interface LedgerEntry {
  readonly kind: LedgerKind
  readonly actor: string
  readonly amount: number
  /** The writer's wall clock, in milliseconds since the epoch. */
  readonly time: number
  readonly memo: string
}

export interface BudgetRow {
  /** Cumulative, by actor. */
  minted: Map<string, number>
  /** What was spent and not credited back, by actor. */
  spent: Map<string, number>
  transferredIn: number
  transferredOut: number
  given: Map<number, Given>
  /** Given by this writer, by id; an id is never used again. */
  leases: Map<string, Lease>
  /** How many leases this writer ever gave. */
  leaseCount: number
  /** On leases given to this writer, by their id; part of `spent`. */
  drawn: Map<string, Drawn>
  /** In the order of the spends. */
  unconfirmed: Unconfirmed[]
  requests: RightsRequest[]
  /** The writers whose rows this writer took over; these rows are void. */
  heirOf: Set<number>
  /** The latest entries of the ledger, oldest first. */
  recent: LedgerEntry[]
}

/** A row carries its latest entries with every write, so there are few. */
export const recentEntriesMax = 8
/** In UTF-16 units, for the same reason. */
export const memoLengthMax = 120

export function emptyRow(): BudgetRow {
  return {
    minted: new Map(),
    spent: new Map(),
    transferredIn: 0,
    transferredOut: 0,
    given: new Map(),
    leases: new Map(),
    leaseCount: 0,
    drawn: new Map(),
    unconfirmed: [],
    requests: [],
    heirOf: new Set(),
    recent: [],
  }
}

/** A copy to change; the parts that are replaced, never changed, are shared. */
export function copyRow(row: BudgetRow): BudgetRow {
  return {
    ...row,
    minted: new Map(row.minted),
    spent: new Map(row.spent),
    given: new Map(row.given),
    leases: new Map(row.leases),
    drawn: new Map(row.drawn),
    unconfirmed: [...row.unconfirmed],
    requests: [...row.requests],
    heirOf: new Set(row.heirOf),
    recent: [...row.recent],
  }
}

export function total(amounts: ReadonlyMap<unknown, number>): number {
  let sum = 0
  for (const amount of amounts.values()) sum += amount
  return sum
}

/** Adds, and keeps no zero. */
export function add<Id>(amounts: Map<Id, number>, id: Id, amount: number): void {
  const sum = Math.max(0, (amounts.get(id) ?? 0) + amount)
  if (sum === 0) amounts.delete(id)
  else amounts.set(id, sum)
}

export function give(row: BudgetRow, to: number, intended: number, usable: number): void {
  const before = row.given.get(to) ?? { intended: 0, usable: 0 }
  row.given.set(to, { intended: before.intended + intended, usable: before.usable + usable })
}

/** Offers rights until a moment. A lease's id is never used again. */
export function offer(
  row: BudgetRow,
  lessor: number,
  lease: Pick<Lease, 'to' | 'amount' | 'until' | 'generation'>,
): void {
  row.leaseCount += 1
  row.leases.set(`${lessor}.${row.leaseCount}`, { ...lease, phase: 'offered', spent: 0 })
}

export function addToDrawn(row: BudgetRow, lease: string, amount: number): void {
  const before = row.drawn.get(lease) ?? { amount: 0, state: 'drawing' }
  row.drawn.set(lease, { ...before, amount: Math.max(0, before.amount + amount) })
}

/** Gives a lease up. */
export function finishDrawn(row: BudgetRow, lease: string): void {
  row.drawn.set(lease, { amount: row.drawn.get(lease)?.amount ?? 0, state: 'final' })
}

export function enter(row: BudgetRow, entries: readonly LedgerEntry[]): void {
  row.recent = [...row.recent, ...entries].slice(-recentEntriesMax)
}

/** Makes `row` the heir of another writer's row. What that one asked for, it asks no more. */
export function inherit(row: BudgetRow, dead: BudgetRow): void {
  for (const [actor, amount] of dead.minted) add(row.minted, actor, amount)
  for (const [actor, amount] of dead.spent) add(row.spent, actor, amount)
  row.transferredIn += dead.transferredIn
  row.transferredOut += dead.transferredOut
  for (const [to, { intended, usable }] of dead.given) give(row, to, intended, usable)
  for (const [id, lease] of dead.leases) row.leases.set(id, lease)
  for (const [id, { amount, state }] of dead.drawn) {
    row.drawn.set(id, { amount: (row.drawn.get(id)?.amount ?? 0) + amount, state })
  }
  row.unconfirmed.push(...dead.unconfirmed.filter(({ draws }) => draws.size > 0))
  for (const writer of dead.heirOf) row.heirOf.add(writer)
  row.recent = [...dead.recent, ...row.recent]
    .sort((a, b) => a.time - b.time)
    .slice(-recentEntriesMax)
}

/** Whether something waits to be durable before it is published. */
export function isUnsettled(row: BudgetRow): boolean {
  for (const { intended, usable } of row.given.values()) if (usable < intended) return true
  for (const { phase } of row.leases.values()) {
    if (phase === 'offered' || phase === 'closing') return true
  }
  for (const { state } of row.drawn.values()) if (state === 'noted') return true
  return false
}

/**
 * Publishes in `row` what its earlier state `durable` intended; to be called once that state is
 * durable.
 */
export function publish(row: BudgetRow, durable: BudgetRow): void {
  for (const [to, { intended }] of durable.given) {
    const now = row.given.get(to)
    if (now === undefined) continue
    row.given.set(to, { ...now, usable: Math.max(now.usable, Math.min(intended, now.intended)) })
  }
  for (const [id, { phase }] of durable.leases) {
    const lease = row.leases.get(id)
    if (lease === undefined || lease.phase !== phase) continue
    if (phase === 'offered') row.leases.set(id, { ...lease, phase: 'open' })
    if (phase === 'closing') row.leases.set(id, { ...lease, phase: 'closed' })
  }
  for (const [id, { state }] of durable.drawn) if (state === 'noted') row.drawn.delete(id)
}

/** Notes a spend from leases, which the row has as spent from then on. */
export function draw(row: BudgetRow, drawing: Unconfirmed): void {
  spend(row, drawing.entry)
  for (const [id, amount] of drawing.draws) addToDrawn(row, id, amount)
  row.unconfirmed.push(drawing)
}

/** Takes back a spend from leases that does not count, unless that was done before. */
export function undraw(row: BudgetRow, id: string): void {
  const drawing = row.unconfirmed.find(other => other.id === id)
  if (drawing === undefined) return
  confirm(row, id)
  for (const [lease, amount] of drawing.draws) {
    if (row.drawn.has(lease)) addToDrawn(row, lease, -amount)
  }
  unspend(row, drawing.entry)
}

export function confirm(row: BudgetRow, id: string): void {
  row.unconfirmed = row.unconfirmed.filter(other => other.id !== id)
}

export function spend(row: BudgetRow, entry: LedgerEntry): void {
  add(row.spent, entry.actor, entry.amount)
  enter(row, [entry])
}

export function unspend(row: BudgetRow, entry: LedgerEntry): void {
  add(row.spent, entry.actor, -entry.amount)
  const place = row.recent.findLastIndex(other => isSameEntry(other, entry))
  if (place >= 0) row.recent.splice(place, 1)
}

function isSameEntry(a: LedgerEntry, b: LedgerEntry): boolean {
  return a.kind === b.kind && a.actor === b.actor && a.amount === b.amount && a.time === b.time
}

/**
 * The holder's side of a closed lease: `spent` is its own for good now, and what it had drawn
 * beyond that came too late to count. The counted spends are the earlier ones, so the latest go.
 */
export function noteClosed(row: BudgetRow, lease: string, spent: number): void {
  for (const { id, draws } of [...row.unconfirmed].reverse()) {
    if ((row.drawn.get(lease)?.amount ?? 0) <= spent) break
    if (draws.has(lease)) undraw(row, id)
  }
  row.unconfirmed = row.unconfirmed.map(drawing => {
    if (!drawing.draws.has(lease)) return drawing
    return { ...drawing, draws: new Map([...drawing.draws].filter(([id]) => id !== lease)) }
  })
  row.drawn.set(lease, { amount: row.drawn.get(lease)?.amount ?? 0, state: 'noted' })
}

/** Lists instead of objects: an id may be any text, `__proto__` too. Empty parts are left out. */
export function encodeRow(row: BudgetRow): Record<string, unknown> {
  const { minted, spent, transferredIn, transferredOut, given, leases, drawn } = row
  const parts: [string, unknown[]][] = [
    ['m', [...minted]],
    ['s', [...spent]],
    ['t', transferredIn + transferredOut === 0 ? [] : [transferredIn, transferredOut]],
    ['g', [...given].map(([to, { intended, usable }]) => [to, intended, usable])],
    [
      'l',
      [...leases].map(([id, { to, amount, until, generation, phase, spent: kept }]) => {
        return [id, to, amount, until, generation, phase, kept]
      }),
    ],
    ['n', row.leaseCount === 0 ? [] : [row.leaseCount]],
    ['d', [...drawn].map(([id, { amount, state }]) => [id, amount, state])],
    ['u', row.unconfirmed.map(({ id, entry, draws }) => [id, encodeEntry(entry), [...draws]])],
    ['q', row.requests.map(({ actor, need, until }) => [actor, need, until])],
    ['h', [...row.heirOf]],
    [
      'e',
      row.recent.map(({ kind, actor, amount, time, memo }) => [kind, actor, amount, time, memo]),
    ],
  ]
  return Object.fromEntries(parts.filter(([, list]) => list.length > 0))
}

function encodeEntry({ kind, actor, amount, time, memo }: LedgerEntry): unknown[] {
  return [kind, actor, amount, time, memo]
}

/** Reads what another replica stored; nothing about it is trusted. @throws ENTRY_INVALID */
export function parseRow(content: unknown): BudgetRow {
  if (typeof content !== 'object' || content === null || Array.isArray(content)) throw malformed()
  const stored = content as Record<string, unknown>
  const [transferredIn = 0, transferredOut = 0] = list(stored.t).map(count)
  const [leaseCount = 0] = list(stored.n).map(count)
  return {
    minted: new Map(list(stored.m).map(pair => tuple(pair, text, count))),
    spent: new Map(list(stored.s).map(pair => tuple(pair, text, count))),
    transferredIn,
    transferredOut,
    given: new Map(
      list(stored.g).map(part => {
        const [to, intended, usable] = tuple(part, count, count, count)
        if (usable > intended) throw malformed()
        return [to, { intended, usable }]
      }),
    ),
    leases: new Map(list(stored.l).map(parseLease)),
    leaseCount,
    drawn: new Map(
      list(stored.d).map(part => {
        const [id, amount, state] = tuple(part, text, count, drawnState)
        return [id, { amount, state }]
      }),
    ),
    unconfirmed: list(stored.u).map(part => {
      const [id, entry, draws] = tuple(part, text, parseEntry, list)
      return { id, entry, draws: new Map(draws.map(pair => tuple(pair, text, count))) }
    }),
    requests: list(stored.q).map(part => {
      const [actor, need, until] = tuple(part, text, count, count)
      return { actor, need, until }
    }),
    heirOf: new Set(list(stored.h).map(count)),
    recent: list(stored.e).slice(-recentEntriesMax).map(parseEntry),
  }
}

function parseLease(part: unknown): [string, Lease] {
  const [id, to, amount, until, generation, phase, spent] = tuple(
    part,
    text,
    count,
    count,
    count,
    text,
    leasePhase,
    count,
  )
  if (spent > amount) throw malformed()
  return [id, { to, amount, until, generation, phase, spent }]
}

function parseEntry(part: unknown): LedgerEntry {
  const [kind, actor, amount, time, memo] = tuple(part, ledgerKind, text, count, count, memoText)
  return Object.freeze({ kind, actor, amount, time, memo })
}

type Parts<Parsers extends readonly ((part: unknown) => unknown)[]> = {
  [Index in keyof Parsers]: ReturnType<Parsers[Index]>
}

function tuple<const Parsers extends readonly ((part: unknown) => unknown)[]>(
  value: unknown,
  ...parsers: Parsers
): Parts<Parsers> {
  const parts = list(value)
  if (parts.length !== parsers.length) throw malformed()
  return parsers.map((parse, index) => parse(parts[index])) as Parts<Parsers>
}

function list(value: unknown): unknown[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw malformed()
  return value
}

function count(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw malformed()
  return value as number
}

function text(value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.length > 256) throw malformed()
  return value
}

function memoText(value: unknown): string {
  if (typeof value !== 'string' || value.length > memoLengthMax) throw malformed()
  return value
}

function drawnState(value: unknown): DrawnState {
  const state = drawnStates.find(known => known === value)
  if (state === undefined) throw malformed()
  return state
}

function leasePhase(value: unknown): LeasePhase {
  const phase = leasePhases.find(known => known === value)
  if (phase === undefined) throw malformed()
  return phase
}

function ledgerKind(value: unknown): LedgerKind {
  const kind = ledgerKinds.find(known => known === value)
  if (kind === undefined) throw malformed()
  return kind
}

function malformed(): StatemeshError {
  return new StatemeshError('ENTRY_INVALID', 'not the row of a budget')
}
