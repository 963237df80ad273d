/**
 * Notices a layer that has fallen silent: calls are under way, and none has been answered for too
 * long. A row of many calls may take its time, as long as there are answers.
 */
import { StatemeshError } from '../../base/error.ts'
import type { CancelTimer, TimeSource } from '../../base/time.ts'

type Reject = (error: StatemeshError) => void

export class Watchdog {
  readonly #name: string
  readonly #time: TimeSource
  readonly #millisecondsMax: number
  readonly #underWay = new Set<Reject>()
  #answeredAt = 0
  #cancel: CancelTimer | undefined

  constructor(name: string, time: TimeSource, millisecondsMax: number) {
    this.#name = name
    this.#time = time
    this.#millisecondsMax = millisecondsMax
  }

  /** A call has begun; `reject` is called if the layer falls silent. */
  begin(reject: Reject): void {
    if (this.#underWay.size === 0) this.#answeredAt = this.#time.monotonic()
    this.#underWay.add(reject)
    this.#cancel ??= this.#time.after(this.#millisecondsMax, () => this.#look())
  }

  /** The call was answered, in whatever way. */
  end(reject: Reject): void {
    this.#underWay.delete(reject)
    this.#answeredAt = this.#time.monotonic()
  }

  close(): void {
    this.#cancel?.()
  }

  #look(): void {
    this.#cancel = undefined
    if (this.#underWay.size === 0) return
    const left = this.#answeredAt + this.#millisecondsMax - this.#time.monotonic()
    if (left > 0) {
      this.#cancel = this.#time.after(left, () => this.#look())
      return
    }
    const message = `${this.#name} has not answered for ${this.#millisecondsMax} ms`
    const error = new StatemeshError('LAYER_UNAVAILABLE', message)
    for (const reject of [...this.#underWay]) reject(error)
    this.#underWay.clear()
  }
}
