/** Which peers were cut off, or found to differ, and why; and who is not let in again for a while. */
import type { StatemeshError } from '../base/error.ts'
import type { TimeSource } from '../base/time.ts'

export interface PeerTrouble {
  /** The subject of its token, else the id of its store, else its address. */
  readonly peer: string
  readonly code: string
  readonly count: number
  /** When it was last so, in milliseconds since the epoch, and what was said of it. */
  readonly lastAt: number
  readonly lastMessage: string
}

/** As many are remembered; a stranger may come under many names. */
const troublesMax = 100

/** How long whoever has misbehaved is not let in: what it may do at once it could else do again. */
const shunMilliseconds = 30_000

/** What nobody does by accident of its network. */
const misconduct: ReadonlySet<string> = new Set([
  'FRAME_INVALID',
  'UPDATE_INVALID',
  'LIMIT_REACHED',
  'RATE_LIMITED',
])

export class PeerTroubles {
  readonly #time: TimeSource
  /** By peer and code, the latest last. */
  readonly #troubles = new Map<string, PeerTrouble>()
  /** Until when (monotonic) somebody is shunned. */
  readonly #shunned = new Map<string, number>()

  constructor(time: TimeSource) {
    this.#time = time
  }

  /** The latest first. */
  get list(): PeerTrouble[] {
    return [...this.#troubles.values()].reverse()
  }

  /** @param proven the peer by what it cannot have made up; undefined while nobody has looked */
  add(peer: string, { code, message }: StatemeshError, proven?: string): void {
    const key = `${code} ${peer}`
    const count = (this.#troubles.get(key)?.count ?? 0) + 1
    put(this.#troubles, key, {
      ...{ peer, code, count },
      lastAt: this.#time.now(),
      lastMessage: message,
    })
    if (proven === undefined || !misconduct.has(code)) return
    put(this.#shunned, proven, this.#time.monotonic() + shunMilliseconds)
  }

  /** Whether a peer has misbehaved a moment ago. */
  shuns(proven: string | undefined): boolean {
    const until = proven === undefined ? undefined : this.#shunned.get(proven)
    return until !== undefined && until > this.#time.monotonic()
  }
}

/** As the latest; beyond the number that is kept the one before all others goes. */
function put<Item>(items: Map<string, Item>, key: string, item: Item): void {
  items.delete(key)
  items.set(key, item)
  const [oldest] = items.keys()
  if (items.size > troublesMax && oldest !== undefined) items.delete(oldest)
}
