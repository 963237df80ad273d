/** Plain tables for a terminal. */

/** Longer cells are cut, so that a row stays a row. */
const cellLengthMax = 60

/** Control characters would move the cursor, or worse. */
const control = /\p{Cc}/gu

/** Rows under a head; columns of numbers stand to the right. */
export function tableText(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = [head, ...rows].map(row => row.map(cellText))
  const widths = head.map((_, column) =>
    cells.reduce((width, row) => Math.max(width, (row[column] ?? '').length), 0),
  )
  const isNumeric = head.map((_, column) =>
    rows.every(row => typeof row[column] === 'number' || row[column] === undefined),
  )
  const lines = cells.map(row =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return isNumeric[column] ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd(),
  )
  return lines.join('\n')
}

/** Anything in one short line. */
export function cellText(value: unknown): string {
  if (value === undefined) return '-'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const plain = text.replace(control, ' ')
  return plain.length > cellLengthMax ? `${plain.slice(0, cellLengthMax - 1)}…` : plain
}

export function timeText(milliseconds: number | undefined): string | undefined {
  if (milliseconds === undefined) return undefined
  const date = new Date(milliseconds)
  return Number.isNaN(date.getTime()) ? String(milliseconds) : date.toISOString()
}
