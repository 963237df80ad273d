/** Rows of a table as lines of text, in columns: the first to the left, all others to the right. */
export function columns(rows: readonly (readonly (string | number)[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, String(cell).length)
    }
  }
  return rows
    .map(row => row.map((cell, index) => pad(cell, widths[index] ?? 0, index)).join('  '))
    .join('\n')
}

function pad(cell: string | number, width: number, index: number): string {
  return index === 0 ? String(cell).padEnd(width) : String(cell).padStart(width)
}
