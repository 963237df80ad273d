/**
 * The disk of one machine: what survives its processes. A process writes through `storage`; what a
 * simulated fsync has not covered when the process dies may be lost, but for a prefix.
 */
import { StatemeshError } from '../../src/base/error.ts'
import { GroupCommit } from '../../src/storage/group-commit.ts'
import type { Storage, StoredUpdate } from '../../src/storage/storage.ts'
import { DiskImage, type DiskWrite } from './disk-image.ts'
import { DiskStorage } from './disk-storage.ts'
import type { SimulatedProcess } from './process.ts'
import type { World } from './world.ts'

export interface DiskConditions {
  /** How long an fsync takes, in milliseconds. */
  readonly fsync: readonly [number, number]
}

/** How much a disk loses at most when it loses its tail. */
const tailWritesMax = 30

export class Disk {
  readonly name: string
  readonly #world: World
  readonly #fsyncLabel: string
  readonly #conditions: DiskConditions
  #image = new DiskImage()
  #backup: DiskImage | undefined
  #full = false
  #slowness = 1
  /** A disk that says fsync and does none: the canary that the checkers must find. */
  #lying: DiskWrite[] | undefined
  #tears = false
  #onReplace: (() => void) | undefined
  /** What lay on it when its process opened it, and what was written since. */
  #opened = new DiskImage()
  #tail: DiskWrite[] = []
  /** The group that is being written by the process that has the disk. */
  #underWay: readonly DiskWrite[] = []

  constructor(world: World, name: string, conditions: DiskConditions) {
    this.#world = world
    this.name = name
    this.#fsyncLabel = `fsync ${name}`
    this.#conditions = conditions
  }

  /** Opens the disk for a process, which must be the only one alive that has it. */
  storage(process: SimulatedProcess): Storage {
    const commits = new GroupCommit<DiskWrite, number>({
      commit: writes => this.#commit(process, writes),
      time: process.time,
    })
    process.onDeath(() => this.#crash())
    this.#opened = this.#image.copy()
    this.#tail = []
    return new DiskStorage({ commits, image: () => this.#image })
  }

  /** The log of a document as it lies on the disk. */
  log(document: string): readonly StoredUpdate[] {
    return this.#image.load(document).updates
  }

  /** The documents on the disk. */
  documents(): readonly string[] {
    return this.#image.documents()
  }

  /** Whether a group of writes is under way. */
  get busy(): boolean {
    return this.#underWay.length > 0
  }

  /** While it is full every write fails. */
  setFull(full: boolean): void {
    this.#full = full
  }

  /** How many times longer an fsync takes. */
  setSlowness(factor: number): void {
    this.#slowness = factor
  }

  /** Calls back once, in the middle of the next group of writes that replaces a log; undefined: never. */
  onReplace(callback: (() => void) | undefined): void {
    this.#onReplace = callback
  }

  /** From now on a replacement that a crash cuts off has removed the old updates and not added the new. */
  tear(): void {
    this.#tears = true
  }

  /** From now on nothing is durable before the process ends in peace. */
  lie(): void {
    this.#lying ??= []
  }

  /** Keeps a copy of what is durable now. */
  backUp(): void {
    this.#backup = this.#image.copy()
  }

  get hasBackup(): boolean {
    return this.#backup !== undefined
  }

  /** Puts the copy in the place of what is there; false where none was made. */
  restore(): boolean {
    if (this.#backup === undefined) return false
    this.#image = this.#backup.copy()
    return true
  }

  /**
   * Loses the last writes of the process that has the disk, or had it, but for the first, which says
   * that it is in use; false where there is nothing to lose.
   */
  loseTail(): boolean {
    const { dice } = this.#world
    const [first, ...later] = this.#tail
    if (first === undefined || later.length === 0) return false
    const lost = 1 + dice.below(Math.min(later.length, tailWritesMax))
    this.#image = this.#opened.copy()
    this.#tail = [first, ...later.slice(0, -lost)]
    for (const write of this.#tail) this.#image.apply(write)
    return true
  }

  /** Is another disk, with nothing on it. */
  wipe(): void {
    this.#image = new DiskImage()
  }

  /** Flips a bit in a stored update, if there is one; false if not. */
  flipBit(): boolean {
    return this.#image.damage(this.#world.dice)
  }

  async #commit(
    process: SimulatedProcess,
    writes: readonly DiskWrite[],
  ): Promise<(number | StatemeshError)[]> {
    this.#underWay = writes
    if (this.#onReplace !== undefined && writes.some(({ kind }) => kind === 'replace')) {
      this.#world.after(0, 'in the middle of a replacement', this.#onReplace)
      this.#onReplace = undefined
    }
    await this.#fsync(process)
    this.#underWay = []
    if (this.#full) throw new StatemeshError('STORAGE_UNAVAILABLE', 'no space left on the disk')
    this.#lying?.push(...writes)
    return writes.map(write => this.#apply(write))
  }

  /** Never over for a process that is dead by then. */
  #fsync(process: SimulatedProcess): Promise<void> {
    const [low, high] = this.#conditions.fsync
    const milliseconds = this.#world.dice.between(low, high) * this.#slowness
    return new Promise(resolve => {
      this.#world.after(milliseconds, this.#fsyncLabel, () => {
        if (process.alive) resolve()
      })
    })
  }

  #crash(): void {
    const writes = this.#underWay
    this.#underWay = []
    if (this.#lying !== undefined) this.#forgetLies()
    if (writes.length === 0) return
    // In order, and each whole or not at all (S2 and S3 of the port). LevelDB promises more: the
    // group is one batch, sealed in its log, of which a crash leaves all or nothing.
    const kept = this.#full ? 0 : this.#world.dice.below(writes.length + 1)
    for (const write of writes.slice(0, kept)) this.#apply(write)
    if (this.#tears) this.#image.cut(writes[kept])
    const how = kept === 0 ? 'lost' : kept === writes.length ? 'whole' : 'torn'
    this.#world.marks.hit(`crash with a group of writes ${how}`)
    const replace = writes.findIndex(({ kind }) => kind === 'replace')
    if (replace >= 0) {
      this.#world.marks.hit(`crash in a compaction, ${replace < kept ? 'done' : 'not done'}`)
    }
    this.#world.tell(this.name, `the disk keeps ${kept} of ${writes.length} writes under way`)
  }

  #apply(write: DiskWrite): number {
    this.#tail.push(write)
    return this.#image.apply(write)
  }

  #forgetLies(): void {
    const lost = this.#lying?.slice(-this.#world.dice.below(20) - 1) ?? []
    for (const write of lost.reverse()) this.#image.revert(write)
    this.#lying = []
  }
}
