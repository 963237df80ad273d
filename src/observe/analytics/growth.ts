/** How the state grew: a point a minute for an hour, then one an hour for two days, then one a day. */

export interface GrowthPoint {
  /** The end of its time, in milliseconds since the epoch. */
  readonly at: number
  /** The updates within its time. */
  readonly updates: number
  /** What the documents that have been in memory held then. */
  readonly bytes: number
  readonly documents: number
}

interface Ring {
  readonly milliseconds: number
  readonly pointsMax: number
}

const minute = 60_000
/** Each is made from the points that leave the one before. */
const rings: readonly Ring[] = [
  { milliseconds: minute, pointsMax: 60 },
  { milliseconds: 60 * minute, pointsMax: 48 },
  { milliseconds: 24 * 60 * minute, pointsMax: 365 },
]

export class Growth {
  /** The points of each ring, the oldest first. */
  readonly #rings: GrowthPoint[][] = rings.map(() => [])
  #until: number
  #updates = 0

  constructor(now: number) {
    this.#until = now + minute
  }

  /** An update came at `now`; `state` is asked at the end of each minute in which one came. */
  update(now: number, state: () => Pick<GrowthPoint, 'bytes' | 'documents'>): void {
    if (now >= this.#until) this.#close(now, state())
    this.#updates += 1
  }

  /** All points, the oldest first; a minute without updates has none. */
  points(now: number, state: () => Pick<GrowthPoint, 'bytes' | 'documents'>): GrowthPoint[] {
    const { bytes, documents } = state()
    const present = { at: now, updates: this.#updates, bytes, documents }
    return [...this.#rings.toReversed().flat(), present]
  }

  #close(now: number, state: Pick<GrowthPoint, 'bytes' | 'documents'>): void {
    if (this.#updates > 0) this.#add(0, { at: this.#until, updates: this.#updates, ...state })
    this.#updates = 0
    this.#until = now - ((now - this.#until) % minute) + minute
  }

  #add(index: number, point: GrowthPoint): void {
    const ring = this.#rings[index]
    const rule = rings[index]
    if (ring === undefined || rule === undefined) return // older than the last ring keeps
    const last = ring.at(-1)
    const slot = ({ at }: GrowthPoint) => Math.floor((at - 1) / rule.milliseconds)
    if (last !== undefined && slot(last) === slot(point)) {
      ring[ring.length - 1] = { ...point, updates: last.updates + point.updates }
      return
    }
    ring.push(point)
    if (ring.length > rule.pointsMax) this.#add(index + 1, ring.shift() as GrowthPoint)
  }
}
