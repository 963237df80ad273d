/** The result of the demo as a table for people. */
import type { AgentResult, DemoResult } from './result.ts'

/** A few lines that a person reads at the end; none is longer than about 100 characters. */
export function formatReport(result: DemoResult): string {
  const { text, totals, index, documents, relay } = result
  const rows = [
    ['', 'sections', 'writes', 'links', 'acked', 'survived', 'what happened to it'],
    ...result.agents.map(agentRow),
    ['relay', '', '', '', '', '', faultsText(relay.faults)],
    ['total', text.sections, totals.writes, index.links, totals.acked, totals.survived, ''],
  ].map(row => row.map(String))
  const checks = result.checks.map(
    ({ passed, name, detail }) => `${passed ? 'ok    ' : 'FAILED'} ${name}: ${detail}`,
  )
  return [
    '',
    ...alignColumns(rows),
    '',
    ...checks,
    '',
    `${text.files} files, ${text.words} words, ${index.terms} terms; ` +
      `${documents.identical} of ${documents.compared} documents identical; ${result.seconds} s`,
    '',
  ].join('\n')
}

function agentRow(agent: AgentResult): Array<string | number> {
  const { name, sections, writes, links, acked, survived, faults } = agent
  return [name, sections, writes, links, acked, survived, faultsText(faults)]
}

function faultsText(faults: readonly string[]): string {
  return faults.join('; ') || '-'
}

/** The first and the last column to the left, the numbers between them to the right. */
function alignColumns(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map(row => row[column]?.length ?? 0)),
  )
  return rows.map(row =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        const isText = column === 0 || column === row.length - 1
        return isText ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
      .trimEnd(),
  )
}
