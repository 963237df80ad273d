/** Shows the work while it is going on: lines redrawn in place on a terminal, else plain lines. */
import { systemTime } from '../../src/index.ts'
import type { Fleet } from './fleet.ts'
import type { Member } from './member.ts'

export interface Output {
  readonly isTTY?: boolean
  /** How wide the terminal is. */
  readonly columns?: number
  write(text: string): unknown
}

const redrawMilliseconds = 80
const barWidth = 24

export class ProgressView {
  readonly #output: Output
  #drawnLines = 0
  #lastDrawn = Number.NEGATIVE_INFINITY
  #lastStates = new Map<string, string>()

  constructor(output: Output) {
    this.#output = output
  }

  /** Shows what is new, if anything is. */
  show(fleet: Fleet): void {
    if (this.#output.isTTY) this.#redraw(fleet)
    else this.#printNews(fleet)
  }

  #redraw(fleet: Fleet): void {
    const now = systemTime.monotonic()
    if (now - this.#lastDrawn < redrawMilliseconds) return
    this.#lastDrawn = now
    const lines = [...fleet.members.map(memberLine), `relay  ${relayState(fleet)}`]
    // A line that wraps would be two on the way up.
    const width = (this.#output.columns ?? 80) - 1
    // Up to the first line, and each line cleared before it is written again.
    const up = this.#drawnLines === 0 ? '' : `\x1b[${this.#drawnLines}A`
    this.#output.write(`${up}${lines.map(line => `\x1b[2K${line.slice(0, width)}\n`).join('')}`)
    this.#drawnLines = lines.length
  }

  #printNews(fleet: Fleet): void {
    this.#printIfNew('relay', relayState(fleet))
    for (const member of fleet.members) {
      const quarters = Math.floor((member.done.size / member.shareSize) * 4) * 25
      this.#printIfNew(member.name, `${memberState(member)}, ${quarters} % of its share done`)
    }
  }

  #printIfNew(name: string, state: string): void {
    if (this.#lastStates.get(name) === state) return
    this.#lastStates.set(name, state)
    this.#output.write(`${name.padEnd(5)}  ${state}\n`)
  }
}

function memberLine(member: Member): string {
  const { name, done, shareSize, acked, links } = member
  const filled = Math.round((done.size / shareSize) * barWidth)
  const bar = '#'.repeat(filled) + '.'.repeat(barWidth - filled)
  const counts = `${String(done.size).padStart(3)} of ${shareSize} sections, ${links} links`
  return `${name.padEnd(5)}  ${bar} ${counts}, ${acked.size} acked, ${memberState(member)}`
}

function memberState({ state, isCut }: Member): string {
  return isCut ? `${state}, cut off` : state
}

function relayState({ relay }: Fleet): string {
  return relay.isUp ? 'up' : 'down'
}
