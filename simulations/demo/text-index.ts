/**
 * The index of a text as plain data and pure functions, without any replica: what an agent works
 * out for one section, and what a single process works out for all of them. The demo's answer is
 * right if the agents' shared index equals `buildIndex` of the same sections.
 */
import { type Section, wordCount } from './text-section.ts'

/** A term and how often it occurs. */
export type TermCount = [term: string, count: number]

/** A cross-reference: two sections, in the order of the text, and terms that are prominent in both. */
export interface SectionLink {
  readonly from: string
  readonly to: string
  readonly terms: readonly string[]
}

export interface SectionSummary {
  readonly id: string
  readonly heading: string
  readonly words: number
}

/** Every list is in a canonical order, so that equal indexes are equal as JSON. */
export interface TextIndex {
  readonly sections: readonly SectionSummary[]
  readonly terms: readonly TermCount[]
  readonly links: readonly SectionLink[]
  readonly outline: readonly string[]
}

const stopWords = new Set(
  (
    'all and any are before but can each every for from has have its may more not one only other ' +
    'out over own says than that the their then there they this two until what when which while ' +
    'who will with you'
  ).split(' '),
)

/** How many of a section's terms, the most frequent first, count as prominent. */
const prominentTerms = 12

/** How many prominent terms two sections have in common at least, to be linked. */
const linkTermsMin = 3

/** The terms of a text, the most frequent first, equally frequent ones in alphabetical order. */
export function countTerms(text: string): TermCount[] {
  const counts = new Map<string, number>()
  for (const [term] of text.toLowerCase().matchAll(/[a-z][a-z0-9]{2,}/g)) {
    if (!stopWords.has(term)) counts.set(term, (counts.get(term) ?? 0) + 1)
  }
  return sortTerms([...counts])
}

/** The cross-reference between two sections, the earlier one first, if they have enough in common. */
export function linkSections(
  from: { readonly id: string; readonly terms: readonly TermCount[] },
  to: { readonly id: string; readonly terms: readonly TermCount[] },
): SectionLink | undefined {
  const prominent = new Set(to.terms.slice(0, prominentTerms).map(([term]) => term))
  const shared = from.terms.slice(0, prominentTerms).filter(([term]) => prominent.has(term))
  if (shared.length < linkTermsMin) return undefined
  return { from: from.id, to: to.id, terms: shared.map(([term]) => term).sort() }
}

/** What is kept of a section beside its terms. */
export function summarize({ id, heading, text }: Section): SectionSummary {
  return { id, heading, words: wordCount(text) }
}

/** A section's line in the outline; the tab ends the id, which may hold spaces. */
export function outlineLine({ id, heading }: SectionSummary): string {
  return `${id}\t${heading}`
}

/**
 * Where a new line belongs in an outline: before the first line of a section that comes later in
 * the text.
 *
 * @param order the place of a section in the text, by its id
 */
export function outlinePosition(
  outline: string,
  id: string,
  order: ReadonlyMap<string, number>,
): number {
  const place = order.get(id) ?? Number.POSITIVE_INFINITY
  let position = 0
  for (const line of outline.split('\n').slice(0, -1)) {
    if ((order.get(line.split('\t', 1)[0] ?? '') ?? 0) > place) return position
    position += line.length + 1
  }
  return position
}

/** The whole index, worked out by one process alone. */
export function buildIndex(sections: readonly Section[]): TextIndex {
  const described = sections.map(({ id, text }) => ({ id, terms: countTerms(text) }))
  const links = described.flatMap((from, place) =>
    described.slice(place + 1).flatMap(to => linkSections(from, to) ?? []),
  )
  const summaries = sections.map(summarize)
  return sortIndex({
    sections: summaries,
    terms: totalTerms(described.map(({ terms }) => terms)),
    links,
    outline: summaries.map(outlineLine),
  })
}

/** How often each term occurs in all sections together. */
export function totalTerms(sections: Iterable<readonly TermCount[]>): TermCount[] {
  const totals = new Map<string, number>()
  for (const terms of sections) {
    for (const [term, count] of terms) totals.set(term, (totals.get(term) ?? 0) + count)
  }
  return sortTerms([...totals])
}

/**
 * An index in its canonical order. Links and outline lines are counted once: an agent that was
 * killed may have found them again before it learnt that it had told the others already.
 */
export function sortIndex({ sections, terms, links, outline }: TextIndex): TextIndex {
  const pairs = new Map(links.map(link => [`${link.from}\n${link.to}`, link]))
  return {
    sections: [...sections].sort((a, b) => compare(a.id, b.id)),
    terms: sortTerms([...terms]),
    links: [...pairs].sort(([a], [b]) => compare(a, b)).map(([, link]) => link),
    outline: [...new Set(outline)].sort(compare),
  }
}

/** In words, the first place where an index is not as expected; undefined if they are equal. */
export function indexDifference(actual: TextIndex, expected: TextIndex): string | undefined {
  for (const part of ['sections', 'terms', 'links', 'outline'] as const) {
    const have = new Set(actual[part].map(item => JSON.stringify(item)))
    const want = new Set(expected[part].map(item => JSON.stringify(item)))
    const missing = [...want].find(item => !have.has(item))
    if (missing !== undefined) return `${part}: ${missing} is missing`
    const extra = [...have].find(item => !want.has(item))
    if (extra !== undefined) return `${part}: ${extra} is not in the text`
  }
  return undefined
}

function sortTerms(terms: TermCount[]): TermCount[] {
  return terms.sort(([a, countA], [b, countB]) => countB - countA || compare(a, b))
}

/** By UTF-16 code units, so that no locale plays a part. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
