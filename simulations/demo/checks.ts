/** Judges a run: everything that had to be true, whether it was, and what was found instead. */
import { tokensMinted } from './council.ts'
import type { CouncilOutcome } from './council-play.ts'
import type { Resumption } from './member.ts'
import type { Holding } from './messages.ts'
import type { AgentResult, Check, DemoResult } from './result.ts'
import { indexDifference, type TextIndex } from './text-index.ts'
import type { Section } from './text-section.ts'

/** What there is to judge beside the members' own reports. */
export interface Outcome {
  readonly sections: readonly Section[]
  /** What the relay has on its disk. */
  readonly relay: Holding
  readonly council: CouncilOutcome
  /** The index that one process worked out from the text. */
  readonly expected: TextIndex
  readonly uncleanExits: readonly string[]
}

/** What an agent has reported over all its lives; see `Member`. */
export interface MemberReport {
  readonly name: string
  readonly done: ReadonlySet<string>
  readonly acked: ReadonlySet<string>
  readonly writes: number
  readonly links: number
  readonly faults: readonly string[]
  readonly warnings: readonly string[]
  readonly resumption: Resumption | undefined
  readonly holding: Holding | undefined
}

/** What was seen of the fleet while it worked; see `Fleet`. */
export interface FleetReport {
  readonly members: readonly MemberReport[]
  readonly relayFaults: readonly string[]
  readonly lostByRelay: readonly string[]
  readonly isPeerToPeer: boolean
}

/** An agent or the relay, and what it holds at the end. */
interface Holder {
  readonly name: string
  readonly holding: Holding
  readonly items: ReadonlySet<string>
}

/** Everything in the result but the time. */
export function checkOutcome(fleet: FleetReport, outcome: Outcome): Omit<DemoResult, 'seconds'> {
  const { members } = fleet
  const holders = holdersOf(members, outcome.relay)
  const agents = members.map(member => agentResult(member, holders))
  const documents = compareDocuments(holders)
  const identical = documents.filter(({ difference }) => difference === undefined).length
  const checks = [
    checkAcked(members, holders),
    ...(fleet.isPeerToPeer ? [] : [checkRelayCrash(fleet)]),
    checkResumed(members),
    checkDocuments(documents),
    checkIndex(holders, outcome.expected),
    checkConflict(outcome.council),
    checkBudget(outcome.council),
    checkQuiet(members, outcome.uncleanExits),
  ]
  const sum = (count: (agent: AgentResult) => number) =>
    agents.reduce((total, agent) => total + count(agent), 0)
  const acked = sum(agent => agent.acked)
  const survived = sum(agent => agent.survived)
  const { sections, terms, links } = outcome.expected
  return {
    ok: checks.every(({ passed }) => passed),
    text: {
      files: new Set(outcome.sections.map(({ file }) => file)).size,
      sections: sections.length,
      words: sections.reduce((total, { words }) => total + words, 0),
    },
    agents,
    relay: { faults: fleet.relayFaults },
    totals: { writes: sum(agent => agent.writes), acked, survived, lost: acked - survived },
    index: { sections: sections.length, terms: terms.length, links: links.length },
    documents: { compared: documents.length, identical },
    checks,
  }
}

function holdersOf(members: readonly MemberReport[], relay: Holding): Holder[] {
  const node = (name: string, holding: Holding): Holder => {
    return { name, holding, items: new Set(holding.items) }
  }
  const agents = members.flatMap(({ name, holding }) => (holding ? [node(name, holding)] : []))
  return [...agents, node('the relay', relay)]
}

function agentResult(member: MemberReport, holders: readonly Holder[]): AgentResult {
  const { name, done, writes, links, faults, acked } = member
  const survived = [...acked].filter(item => holders.every(({ items }) => items.has(item))).length
  return { name, sections: done.size, writes, links, faults, acked: acked.size, survived }
}

function checkAcked(members: readonly MemberReport[], holders: readonly Holder[]): Check {
  const losses = members.flatMap(({ name, acked }) =>
    [...acked].flatMap(item => {
      const without = holders.find(({ items }) => !items.has(item))
      return without === undefined ? [] : [`"${item}", acked to ${name}, is not on ${without.name}`]
    }),
  )
  const acked = members.reduce((total, member) => total + member.acked.size, 0)
  const detail = `all ${acked} writes that were acked are on every agent and the relay`
  return check('acked writes survive', losses, detail)
}

function checkRelayCrash({ lostByRelay }: FleetReport): Check {
  const losses = lostByRelay.map(item => `"${item}", acked, was not on the relay's disk`)
  const detail = 'killed, the relay had on its own disk all that it had acked by then'
  return check('the relay keeps its word', losses, detail)
}

function checkResumed(members: readonly MemberReport[]): Check {
  const restarted = members.filter(({ resumption }) => resumption !== undefined)
  const forgotten = restarted.flatMap(({ name, resumption }) =>
    (resumption?.forgotten ?? []).map(id => `${name} had lost its note of ${id} when it came back`),
  )
  const names = restarted.map(({ name }) => name).join(', ')
  return check('killed agents resume', forgotten, `${names} went on from what was acked before`)
}

interface DocumentComparison {
  readonly document: string
  /** Which holders differ; undefined if none does. */
  readonly difference: string | undefined
}

function compareDocuments(holders: readonly Holder[]): DocumentComparison[] {
  const documents = new Set(holders.flatMap(({ holding }) => Object.keys(holding.digests)))
  return [...documents].sort().map(document => {
    const byDigest = new Map<string, string[]>()
    for (const { name, holding } of holders) {
      const digest = holding.digests[document] ?? 'missing'
      byDigest.set(digest, [...(byDigest.get(digest) ?? []), name])
    }
    if (byDigest.size === 1) return { document, difference: undefined }
    const groups = [...byDigest].map(
      ([digest, names]) => `${digest.slice(0, 8)} on ${names.join(', ')}`,
    )
    return { document, difference: `${document} is ${groups.join('; ')}` }
  })
}

function checkDocuments(documents: readonly DocumentComparison[]): Check {
  const differences = documents.flatMap(({ difference }) => difference ?? [])
  const detail = `all ${documents.length} documents are the same bytes on every agent and the relay`
  return check('documents identical', differences, detail)
}

function checkIndex(holders: readonly Holder[], expected: TextIndex): Check {
  const differences = holders.flatMap(({ name, holding }) => {
    const difference = indexDifference(holding.index, expected)
    return difference === undefined ? [] : [`on ${name}, ${difference}`]
  })
  const detail = 'the shared index is what one process works out from the text alone'
  return check('index correct', differences, detail)
}

function checkConflict({ disputes, found, settled, reports }: CouncilOutcome): Check {
  const rivals = Object.keys(disputes).sort()
  const listed = found.conflicts.map(siblings => siblings.map(({ actor }) => actor).sort())
  const problems: string[] = []
  if (JSON.stringify(listed) !== JSON.stringify([rivals])) {
    problems.push(`the conflicts that were listed are of ${JSON.stringify(listed)}`)
  }
  for (const [name, { verdict, conflicts }] of Object.entries(reports)) {
    if (conflicts.length > 0) problems.push(`${name} still sees a conflict`)
    if (verdict !== settled.verdict) problems.push(`${name} takes "${verdict}" for the verdict`)
  }
  const detail =
    `${rivals.join(' and ')}, cut off, decided differently; it was listed, resolved, ` +
    `and all agree on "${settled.verdict}"`
  return check('conflicts are found', problems, detail)
}

function checkBudget({ disputes, spent, reports }: CouncilOutcome): Check {
  const refused = Object.values(disputes).reduce((sum, report) => sum + report.refused, 0)
  const problems: string[] = []
  if (spent > tokensMinted) problems.push(`${spent} of ${tokensMinted} tokens were spent`)
  if (refused === 0) problems.push('nobody was refused a token, so the budget was not tried')
  for (const [name, { balance }] of Object.entries(reports)) {
    if (balance === tokensMinted - spent) continue
    problems.push(`${name} sees ${balance} tokens left of ${tokensMinted}, with ${spent} spent`)
  }
  const both = Object.entries(disputes).map(([name, report]) => `${name} ${report.spent}`)
  const detail =
    `of ${tokensMinted} tokens ${spent} were spent; cut off, ${both.join(' and ')}, ` +
    `and ${refused} were refused them`
  return check('the budget holds', problems, detail)
}

function checkQuiet(members: readonly MemberReport[], uncleanExits: readonly string[]): Check {
  const problems = [
    ...members.flatMap(({ name, warnings }) => warnings.map(text => `${name} warned: ${text}`)),
    ...uncleanExits.map(exit => `a process ended with ${exit}`),
  ]
  return check('nothing else', problems, 'no warnings, and every process ended with exit code 0')
}

function check(name: string, problems: readonly string[], detail: string): Check {
  const [first] = problems
  if (first === undefined) return { name, passed: true, detail }
  const others = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`
  return { name, passed: false, detail: first + others }
}
