/** A machine of the random fleet: a disk that survives, and one process at a time that may die. */

import { DiskImage, type DiskWrite } from '../../../simulations/world/disk-image.ts'
import { DiskStorage } from '../../../simulations/world/disk-storage.ts'
import { StatemeshError } from '../../../src/base/error.ts'
import { type RandomSource, randomFraction } from '../../../src/base/random.ts'
import type { TimeSource } from '../../../src/base/time.ts'
import { GroupCommit } from '../../../src/storage/group-commit.ts'
import { mergeLog } from '../../../src/storage/merge-log.ts'
import type { Storage } from '../../../src/storage/storage.ts'
import type { Transport } from '../../../src/transport/transport.ts'
import { SlowLink } from './slow-link.ts'

/** An integer in [0, end). */
export function below(random: RandomSource, end: number): number {
  return Math.floor(randomFraction(random) * end)
}

/** What one process has of its machine; once it is dead nothing that it started goes on. */
export interface Process {
  alive: boolean
  /** Resolves when it is killed. */
  readonly death: Promise<void>
  die(): void
  readonly time: TimeSource
  readonly storage: Storage
  /** Dials with links of this process's own, which take their time. */
  dialler(transport: Transport): Transport
  /** Breaks its links, as the network would. */
  cut(): void
}

export class Machine {
  readonly #time: TimeSource
  readonly #random: RandomSource
  readonly #skew: number
  #image = new DiskImage()
  #underWay: readonly DiskWrite[] = []
  #process: Process | undefined
  /** Whether the disk fails every write. */
  refusing = false

  constructor(time: TimeSource, random: RandomSource, skewMilliseconds: number) {
    this.#time = time
    this.#random = random
    this.#skew = skewMilliseconds
  }

  /** Starts a process, when the one before has ended. */
  start(): Process {
    const links = new Set<SlowLink>()
    let died = () => {}
    const death = new Promise<void>(resolve => {
      died = resolve
    })
    const process: Process = {
      alive: true,
      death,
      die() {
        this.alive = false
        this.cut()
        died()
      },
      time: this.#processTime(() => process.alive),
      storage: this.#storage(() => process),
      dialler: transport => ({
        dial: async (address, options) => {
          const inner = await transport.dial(address, options)
          const delay = () => below(this.#random, 4)
          const link = new SlowLink(inner, process.time, delay)
          links.add(link)
          return link
        },
      }),
      cut: () => {
        for (const link of links) link.break()
        links.clear()
      },
    }
    this.#process = process
    return process
  }

  /** Ends the process without a word. Of what was being written a prefix survives. */
  kill(): void {
    if (this.#process === undefined) return
    this.#process.die()
    const kept = this.refusing ? 0 : below(this.#random, this.#underWay.length + 1)
    for (const write of this.#underWay.slice(0, kept)) this.#image.apply(write)
    this.#underWay = []
  }

  copyDisk(): DiskImage {
    return this.#image.copy()
  }

  /** Puts another disk in; only while no process runs. */
  replaceDisk(image: DiskImage): void {
    this.#image = image.copy()
  }

  /** What the log of a document on the disk says, in one update. */
  stored(document: string): Uint8Array {
    return mergeLog(this.#image.load(document).updates.map(({ update }) => update))
  }

  #processTime(isAlive: () => boolean): TimeSource {
    return {
      now: () => this.#time.now() + this.#skew,
      monotonic: () => this.#time.monotonic(),
      after: (milliseconds, callback) =>
        this.#time.after(milliseconds, () => {
          if (isAlive()) callback()
        }),
    }
  }

  #storage(process: () => Process): Storage {
    const commits = new GroupCommit<DiskWrite, number>({
      time: this.#time,
      commit: async writes => {
        this.#underWay = writes
        const fsync = 1 + below(this.#random, 20)
        await new Promise<void>(resolve => process().time.after(fsync, resolve))
        this.#underWay = []
        if (this.refusing) throw new StatemeshError('STORAGE_UNAVAILABLE', 'the disk is full')
        return writes.map(write => this.#image.apply(write))
      },
    })
    return new DiskStorage({ commits, image: () => this.#image })
  }
}
