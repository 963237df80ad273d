/** What a document says, for a terminal. */
import type {
  DocumentProblem,
  DocumentState,
  EntryState,
} from '../../src/observe/debugger/document-state.ts'
import { tableText, timeText } from './table.ts'

/** At most `rows` of its keys, entries or roots. */
export function stateLines(state: DocumentState, rows: number): string[] {
  const [head, all] = tableOf(state)
  const more = all.length - rows
  const lines = all.length === 0 ? [] : [tableText(head, all.slice(0, rows))]
  return more > 0 ? [...lines, `... and ${more} more (--limit, or --json for all)`] : lines
}

type Table = readonly [head: readonly string[], rows: readonly (readonly unknown[])[]]

function tableOf(state: DocumentState): Table {
  switch (state.kind) {
    case 'registers': {
      const rows = Object.entries(state.keys).flatMap(([key, { siblings = [], ...winner }]) => [
        [key, ...entryCells(winner)],
        ...siblings.map(sibling => ['  beside it', ...entryCells(sibling)]),
      ])
      return [['key', 'value', 'actor', 'time'], rows]
    }
    case 'log':
      return [
        ['value', 'actor', 'time', 'writer', 'seq'],
        state.entries.map(entry => [...entryCells(entry), entry.writer, entry.seq]),
      ]
    case 'counter':
      return [['key', 'sum'], Object.entries(state.keys).map(([key, sum]) => [key, sum ?? '?'])]
    case 'budget':
      return [
        ['key', 'balance', 'minted', 'spent'],
        Object.entries(state.keys).map(([key, { balance, minted, spent }]) => {
          return [key, balance, minted, spent]
        }),
      ]
    case 'crdt':
      return [
        ['root', 'type', 'content'],
        Object.entries(state.roots).map(([root, { type, ...content }]) => {
          return [root, type, Object.values(content)[0]]
        }),
      ]
    case 'empty':
      return [[], []]
  }
}

function entryCells({ value, by, at }: EntryState): unknown[] {
  return [value === undefined ? '(deleted)' : JSON.stringify(value), by, timeText(at)]
}

export function problemLines(problems: readonly DocumentProblem[]): string[] {
  return problems.map(({ code, message }) => `${code}: ${message}`)
}
