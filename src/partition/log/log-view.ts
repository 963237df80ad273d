/**
 * The lanes of a document as one log: every valid entry in the total order, kept up from what
 * each transaction changed.
 */
import * as Y from 'yjs'
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import type { HybridClock } from '../../clock/hybrid-clock.ts'
import { type ActorId, parseActorId } from '../../model/id.ts'
import { rootType } from '../root-type.ts'
import { comparePositions, jointsRoot, type LogRecord, laneName, laneWriter } from './log-entry.ts'
import { type LaneProblem, LogLane } from './log-lane.ts'
import { LogOrder } from './log-order.ts'
import { type LaneTrim, readTrims, trimsRoot } from './log-trim.ts'

export interface LogProblem extends Omit<LaneProblem, 'writer'> {
  /** Whose lane it is; undefined for a root that is no lane. */
  readonly writer: number | undefined
}

/** A record that has come in. */
export interface Arrival {
  readonly record: LogRecord
  /** Whether it stands before a record that was there already. */
  readonly late: boolean
}

export interface LogViewOptions {
  doc: Y.Doc
  clock: HybridClock
  /** Called once for each problem that was found. */
  report(problem: StatemeshError): void
}

export class LogView {
  readonly order: LogOrder = new LogOrder()
  readonly #options: LogViewOptions
  readonly #lanes = new Map<number, LogLane>()
  readonly #byType = new Map<unknown, LogLane>()
  readonly #rootProblems = new Map<string, LogProblem>()
  /** One text for each actor, instead of one for each entry. */
  readonly #actors = new Map<unknown, ActorId>()
  readonly #trimMap: Y.Map<unknown>
  #trims: ReadonlyMap<number, LaneTrim>
  #rootsSeen = 0
  #arrivals: Arrival[] = []

  constructor(options: LogViewOptions) {
    this.#options = options
    this.#trimMap = rootType(options.doc, trimsRoot, Y.Map<unknown>)
    this.#trims = readTrims(this.#trimMap)
    this.#addRecords(this.#newLanes().flatMap(lane => open(lane, 'defer')))
    this.#arrivals = []
  }

  get laneCount(): number {
    return this.#lanes.size
  }

  /** The root map of how far lanes were trimmed; see `log-trim.ts`. */
  get trimMap(): Y.Map<unknown> {
    return this.#trimMap
  }

  get trims(): ReadonlyMap<number, LaneTrim> {
    return this.#trims
  }

  lanes(): Iterable<LogLane> {
    return this.#lanes.values()
  }

  record(writer: number, seq: number): LogRecord | undefined {
    return this.#lanes.get(writer)?.record(seq)
  }

  /** The lane of a writer, made where it is missing and read up to what is in the document. */
  lane(writer: number): LogLane {
    // Throws before anything is written, where the root is of another kind.
    rootType(this.#options.doc, laneName(writer), Y.Array)
    for (const lane of this.#newLanes()) this.#addRecords(open(lane, 'check'))
    const lane = this.#lanes.get(writer) as LogLane
    this.#addRecords(lane.catchUp('check'))
    return lane
  }

  /** Takes in what we have just appended to a lane. */
  appended(lane: LogLane): void {
    this.#addRecords(lane.catchUp('known'))
  }

  /** Takes in what a transaction has changed. */
  update({ changed, deleteSet, local }: Y.Transaction): void {
    if ((changed as ReadonlyMap<unknown, unknown>).has(this.#trimMap)) this.#readTrims()
    const added = this.#newLanes().flatMap(lane => open(lane, 'check'))
    for (const type of changed.keys()) {
      const lane = this.#byType.get(type)
      if (lane === undefined) continue
      for (const record of lane.catchUp('check')) added.push(record)
      for (const record of lane.drop(deleteSet.clients.get(lane.writer) ?? [])) {
        this.order.remove(record)
      }
      if (!local) lane.checkForeign()
    }
    this.#addRecords(added)
  }

  /** What has come in since the last call, in order of arrival. */
  takeArrivals(): Arrival[] {
    const arrivals = this.#arrivals
    this.#arrivals = []
    return arrivals
  }

  /** Checks the links that were not checked yet. */
  checkLinks(): void {
    for (const lane of this.#lanes.values()) lane.checkLinks()
  }

  problems(): LogProblem[] {
    const lanes = [...this.#lanes.values()].sort((a, b) => a.writer - b.writer)
    return [...this.#rootProblems.values(), ...lanes.flatMap(lane => lane.problems())]
  }

  #readTrims(): void {
    this.#trims = readTrims(this.#trimMap)
    for (const [writer, trim] of this.#trims) this.#lanes.get(writer)?.setTrim(trim)
  }

  #addRecords(records: LogRecord[]): void {
    const last = this.order.last
    for (const record of records.sort(comparePositions)) {
      this.order.insert(record)
      const late = last !== undefined && comparePositions(record, last) < 0
      this.#arrivals.push({ record, late })
    }
  }

  /** Lanes whose root has appeared; cheap while none has. */
  #newLanes(): LogLane[] {
    const { doc } = this.#options
    if (doc.share.size === this.#rootsSeen) return []
    this.#rootsSeen = doc.share.size
    const lanes: LogLane[] = []
    for (const root of [...doc.share.keys()]) {
      const writer = laneWriter(root)
      if (root === jointsRoot || root === trimsRoot || this.#rootProblems.has(root)) continue
      if (writer === undefined) this.#reject(root, 'ROOT_UNKNOWN', 'it is not ours')
      else if (!this.#lanes.has(writer)) lanes.push(...this.#addLane(root, writer))
    }
    return lanes
  }

  #addLane(root: string, writer: number): LogLane[] {
    const { doc, clock, report } = this.#options
    try {
      const type = rootType(doc, root, Y.Array<unknown>)
      const lane = new LogLane({
        doc,
        writer,
        type,
        report,
        parseActor: this.#parseActor,
        observe: timestamp => clock.observe(timestamp),
      })
      const trim = this.#trims.get(writer)
      if (trim !== undefined) lane.setTrim(trim)
      this.#lanes.set(writer, lane)
      this.#byType.set(type, lane)
      return [lane]
    } catch (thrown) {
      const { code, message } = toStatemeshError(thrown, 'ROOT_MISMATCH')
      this.#reject(root, code, message)
      return []
    }
  }

  #reject(root: string, code: StatemeshError['code'], why: string): void {
    const error = new StatemeshError(code, `root ${JSON.stringify(root.slice(0, 100))}: ${why}`)
    this.#rootProblems.set(root, { error, writer: undefined, seq: undefined })
    this.#options.report(error)
  }

  readonly #parseActor = (id: unknown): ActorId => {
    let actor = this.#actors.get(id)
    if (actor === undefined) {
      actor = parseActorId(id)
      this.#actors.set(id, actor)
    }
    return actor
  }
}

function open(lane: LogLane, links: 'check' | 'defer'): LogRecord[] {
  const records = lane.catchUp(links)
  lane.checkForeign()
  return records
}
