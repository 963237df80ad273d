/** The plain functions of the demo, which decide what the right answer is. */
import { describe, expect, it } from 'vitest'
import {
  buildIndex,
  countTerms,
  indexDifference,
  linkSections,
  outlinePosition,
  sortIndex,
} from '../../simulations/demo/text-index.ts'
import { splitSections } from '../../simulations/demo/text-section.ts'

const words = (count: number) => Array.from({ length: count }, (_, at) => `word${at}`).join(' ')

describe('cutting a text into sections', () => {
  const split = (text: string) => splitSections([{ path: 'a.md', text }])

  it('begins one at every heading, and numbers them within their file', () => {
    const sections = split('before\n\n# First\n\none\n\n## Second\n\ntwo\n')
    expect(sections.map(({ id, heading, text }) => [id, heading, text])).toEqual([
      ['a.md#1', 'a.md', 'before'],
      ['a.md#2', 'First', '# First\n\none'],
      ['a.md#3', 'Second', '## Second\n\ntwo'],
    ])
  })

  it('takes a line of code for no heading, and a blank line in code for no end', () => {
    const sections = split(`# Code\n\n\`\`\`sh\n# a comment ${words(40)}\n\nls\n\`\`\`\n`)
    expect(sections.map(({ heading }) => heading)).toEqual(['Code'])
  })

  it.each([
    ['a blank line', '\nthe rest'],
    ['a row of a table', '| the | rest |'],
    ['an item of a list', '- the rest'],
  ])('ends a long one before %s, under the same heading', (_, rest) => {
    const sections = split(`# Long\n\n${words(60)}\n${rest}\n`)
    expect(sections.map(({ id, heading }) => [id, heading])).toEqual([
      ['a.md#1', 'Long'],
      ['a.md#2', 'Long'],
    ])
    expect(sections[1]?.text).toBe(rest.trim())
  })

  it('makes nothing of a file without words', () => {
    expect(split('\n \n')).toEqual([])
  })
})

describe('counting terms', () => {
  it('puts the most frequent first, equals in alphabetical order, and leaves out small words', () => {
    expect(countTerms('The relay and the Replica: a replica, LevelDB.')).toEqual([
      ['replica', 2],
      ['leveldb', 1],
      ['relay', 1],
    ])
  })

  it('counts words that objects have as properties', () => {
    expect(countTerms('constructor toString constructor')).toEqual([
      ['constructor', 2],
      ['tostring', 1],
    ])
  })
})

describe('linking sections', () => {
  const section = (id: string, text: string) => ({ id, terms: countTerms(text) })

  it('links two that share enough prominent terms, and names the terms', () => {
    const link = linkSections(
      section('a', 'relay replica ack durable'),
      section('b', 'durable ack relay budget'),
    )
    expect(link).toEqual({ from: 'a', to: 'b', terms: ['ack', 'durable', 'relay'] })
  })

  it('leaves two alone that share fewer', () => {
    expect(linkSections(section('a', 'relay ack'), section('b', 'relay ack'))).toBeUndefined()
  })
})

describe('the outline', () => {
  it('takes a line in before the first section that comes later in the text', () => {
    const order = new Map(['a', 'b', 'c'].map((id, at) => [id, at]))
    expect(outlinePosition('', 'b', order)).toBe(0)
    expect(outlinePosition('a\tA\n', 'b', order)).toBe(4)
    expect(outlinePosition('a\tA\nc\tC\n', 'b', order)).toBe(4)
    expect(outlinePosition('c\tC\n', 'b', order)).toBe(0)
  })
})

describe('the whole index', () => {
  const sections = splitSections([
    { path: 'b.md', text: '# One\n\nrelay ack durable\n' },
    { path: 'a.md', text: '# Two\n\nrelay ack durable durable\n' },
  ])
  const index = buildIndex(sections)

  it('adds up the terms and links across files', () => {
    expect(index.terms[0]).toEqual(['durable', 3])
    expect(index.links).toEqual([
      { from: 'b.md#1', to: 'a.md#1', terms: ['ack', 'durable', 'relay'] },
    ])
    expect(index.outline).toEqual(['a.md#1\tTwo', 'b.md#1\tOne'])
  })

  it('is the same in whatever order its parts came, and however often', () => {
    const shuffled = sortIndex({
      sections: [...index.sections].reverse(),
      terms: [...index.terms].reverse(),
      links: [...index.links, ...index.links],
      outline: [...index.outline, ...index.outline].reverse(),
    })
    expect(shuffled).toEqual(index)
    expect(indexDifference(shuffled, index)).toBeUndefined()
  })

  it('says where it differs from another', () => {
    expect(indexDifference({ ...index, links: [] }, index)).toMatch(
      /^links: .*a\.md#1.* is missing$/,
    )
    expect(indexDifference(index, { ...index, terms: [] })).toMatch(
      /^terms: .* is not in the text$/,
    )
  })
})
