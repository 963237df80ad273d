/** A plot as SVG: how many runs had converged after so long, a line for each profile. */

export interface Line {
  readonly name: string
  /** How many runs took so many milliseconds. */
  readonly histogram: { readonly [milliseconds: string]: number }
}

const [width, height] = [720, 360]
const [left, right, top, bottom] = [50, 140, 20, 40]
const [innerWidth, innerHeight] = [width - left - right, height - top - bottom]
/** Told apart in print and by those who see no red or no green (Okabe and Ito). */
const colors = ['#000', '#e69f00', '#56b4e9', '#009e73', '#d0c000', '#0072b2', '#d55e00', '#cc79a7']
const decadesMax = 6

/** The distribution of the times, the time axis in powers of ten of a second. */
export function convergencePlot(lines: readonly Line[]): string {
  const times = lines.flatMap(({ histogram }) => Object.keys(histogram).map(Number))
  const first = Math.floor(Math.log10(Math.max(1, Math.min(...times, 1000))))
  const end = Math.min(first + decadesMax, Math.ceil(Math.log10(Math.max(10_000, ...times))))
  const x = (milliseconds: number) => {
    const part = (Math.log10(Math.max(1, milliseconds)) - first) / (end - first)
    return left + innerWidth * Math.min(1, Math.max(0, part))
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...Array.from({ length: end - first + 1 }, (_, at) => timeTick(x, first + at)),
    ...[0, 0.25, 0.5, 0.75, 1].map(shareTick),
    `<text x="${left + innerWidth / 2}" y="${height - 6}" text-anchor="middle">after the healing</text>`,
    ...lines.map((line, index) => curve(line, x, colorOf(index))),
    ...lines.map(({ name }, index) => legend(name, index)),
    '</svg>\n',
  ].join('\n')
}

function y(share: number): number {
  return top + innerHeight * (1 - share)
}

function colorOf(index: number): string {
  return colors[index % colors.length] as string
}

function timeTick(x: (milliseconds: number) => number, power: number): string {
  const at = x(10 ** power).toFixed(1)
  return `<path d="M${at} ${top}V${y(0)}" stroke="#ddd"/><text x="${at}" y="${y(0) + 16}" text-anchor="middle">${10 ** (power - 3)} s</text>`
}

function shareTick(share: number): string {
  const at = y(share).toFixed(1)
  return `<path d="M${left} ${at}H${left + innerWidth}" stroke="#ddd"/><text x="${left - 6}" y="${at}" dy="4" text-anchor="end">${share * 100} %</text>`
}

/** Steps: at each time, the part of all runs that had converged by then. */
function curve({ histogram }: Line, x: (milliseconds: number) => number, color: string): string {
  const times = Object.entries(histogram).map(([time, count]) => [Number(time), count] as const)
  const total = times.reduce((sum, [, count]) => sum + count, 0)
  let seen = 0
  let path = `M${left} ${y(0)}`
  for (const [time, count] of times.sort(([a], [b]) => a - b)) {
    seen += count
    path += `H${x(time).toFixed(1)}V${y(seen / total).toFixed(1)}`
  }
  return `<path d="${path}" fill="none" stroke="${color}" stroke-width="2"/>`
}

function legend(name: string, index: number): string {
  const [from, at] = [width - right + 10, top + 10 + index * 18]
  return `<path d="M${from} ${at}h20" stroke="${colorOf(index)}" stroke-width="2"/><text x="${from + 26}" y="${at + 4}">${name}</text>`
}
