/** The demo has to notice what goes wrong: each check is shown a run that breaks it. */
import { describe, expect, it } from 'vitest'
import {
  checkOutcome,
  type FleetReport,
  type MemberReport,
  type Outcome,
} from '../../simulations/demo/checks.ts'
import type { CouncilReport } from '../../simulations/demo/council.ts'
import type { CouncilOutcome } from '../../simulations/demo/council-play.ts'
import type { Holding } from '../../simulations/demo/messages.ts'
import { buildIndex } from '../../simulations/demo/text-index.ts'
import { splitSections } from '../../simulations/demo/text-section.ts'

const sections = splitSections([{ path: 'a.md', text: '# One\n\nrelay ack durable\n' }])
const expected = buildIndex(sections)
const holding: Holding = {
  index: expected,
  items: ['section a.md#1', 'note a.md#1'],
  digests: { 'room:a.md/sections': 'aaaa' },
}

function member(changes: Partial<MemberReport> = {}): MemberReport {
  return {
    name: 'ada',
    done: new Set(['a.md#1']),
    acked: new Set(['section a.md#1']),
    writes: 2,
    links: 0,
    faults: [],
    warnings: [],
    resumption: { kept: 1, redone: 0, forgotten: [] },
    holding,
    ...changes,
  }
}

const quiet: CouncilReport = {
  verdict: 'this one',
  conflicts: [],
  spent: 0,
  refused: 0,
  balance: 20,
}
const council: CouncilOutcome = {
  disputes: {
    bela: { ...quiet, spent: 25, refused: 35 },
    dara: { ...quiet, spent: 15, refused: 45 },
  },
  spent: 40,
  found: {
    ...quiet,
    conflicts: [
      [
        { actor: 'bela', verdict: 'this one' },
        { actor: 'dara', verdict: 'that one' },
      ],
    ],
  },
  settled: quiet,
  reports: { ada: quiet, bela: quiet },
}

interface Run {
  member?: Partial<MemberReport>
  fleet?: Partial<FleetReport>
  outcome?: Partial<Outcome>
}

function judge(run: Run = {}) {
  const members = [member(run.member)]
  return checkOutcome(
    { members, isPeerToPeer: false, relayFaults: [], lostByRelay: [], ...run.fleet },
    { sections, relay: holding, council, expected, uncleanExits: [], ...run.outcome },
  )
}

function failures(run: Run): string[] {
  const { ok, checks } = judge(run)
  const failed = checks.filter(({ passed }) => !passed).map(({ detail }) => detail)
  expect(ok).toBe(failed.length === 0)
  return failed
}

describe('the checks of the demo', () => {
  it('pass when nothing is lost and nothing differs', () => {
    const { ok, totals, documents } = judge()
    expect(ok).toBe(true)
    expect(totals).toEqual({ writes: 2, acked: 1, survived: 1, lost: 0 })
    expect(documents).toEqual({ compared: 1, identical: 1 })
  })

  it('fail when an acked write is missing somewhere', () => {
    const run = { outcome: { relay: { ...holding, items: ['note a.md#1'] } } }
    expect(failures(run)).toEqual(['"section a.md#1", acked to ada, is not on the relay'])
    expect(judge(run).totals.lost).toBe(1)
  })

  it('fail when the killed relay had acked what it did not have', () => {
    const run = { fleet: { lostByRelay: ['section a.md#1'] } }
    expect(failures(run)).toEqual([`"section a.md#1", acked, was not on the relay's disk`])
  })

  it('fail when a killed agent comes back without what was acked', () => {
    const run = { member: { resumption: { kept: 0, redone: 1, forgotten: ['a.md#1'] } } }
    expect(failures(run)).toEqual(['ada had lost its note of a.md#1 when it came back'])
  })

  it('fail when a document differs, or is missing', () => {
    const digests = { 'room:a.md/sections': 'bbbb' }
    expect(failures({ outcome: { relay: { ...holding, digests } } })).toEqual([
      'room:a.md/sections is aaaa on ada; bbbb on the relay',
    ])
    expect(failures({ outcome: { relay: { ...holding, digests: {} } } })).toEqual([
      'room:a.md/sections is aaaa on ada; missing on the relay',
    ])
  })

  it('fail when the shared index is not that of the text', () => {
    const index = { ...expected, outline: [] }
    const [failure] = failures({ member: { holding: { ...holding, index } } })
    expect(failure).toMatch(/^on ada, outline: .* is missing$/)
  })

  it('fail when a replica warned, or a process did not end well', () => {
    const run = { member: { warnings: ['CLOCK_DRIFT'] }, outcome: { uncleanExits: ['SIGSEGV'] } }
    expect(failures(run)).toEqual(['ada warned: CLOCK_DRIFT (and 1 more)'])
  })

  it('fail when the conflict is missed, stays open, or is settled differently', () => {
    const missed = { ...council, found: quiet }
    expect(failures({ outcome: { council: missed } })).toEqual([
      'the conflicts that were listed are of []',
    ])
    const open = { ...council, reports: { ada: council.found } }
    expect(failures({ outcome: { council: open } })).toEqual(['ada still sees a conflict'])
    const differing = { ...council, reports: { bela: { ...quiet, verdict: 'that one' } } }
    expect(failures({ outcome: { council: differing } })).toEqual([
      'bela takes "that one" for the verdict',
    ])
  })

  it('fail when more is spent than there was, or nobody was refused', () => {
    const overspent = { ...council, spent: 61 }
    const [failure] = failures({ outcome: { council: overspent } })
    expect(failure).toMatch(/^61 of 60 tokens were spent/)
    const untried = { ...council, disputes: { bela: quiet, dara: quiet } }
    expect(failures({ outcome: { council: untried } })).toEqual([
      'nobody was refused a token, so the budget was not tried',
    ])
  })
})
