/**
 * Debits and transfers that wait for rights. What they need together stands as a request in this
 * replica's row, where whoever can spare some sees it; the request goes when nobody waits.
 */
import { StatemeshError } from '../../base/error.ts'
import { type CancelTimer, holdUp } from '../../base/time.ts'
import type { PartitionHost } from '../partition-host.ts'
import type { BudgetRow } from './budget-row.ts'
import type { BudgetView } from './budget-view.ts'

export interface WaitOptions {
  key: string
  amount: number
  timeoutMilliseconds: number
  signal: AbortSignal | undefined
}

/** One debit's place in the queue. */
export interface Wait {
  /** What is left of its time. */
  leftMilliseconds(): number
  /**
   * Requests the amount, and resolves when rows of the key have changed.
   *
   * @throws BUDGET_UNREACHABLE when time is up or the signal says so, CLOSED
   */
  forChange(): Promise<void>
  /** Takes the request out of a row that is being written anyway, if this one was the last. */
  withdraw(key: string, draft: BudgetRow): void
  /** To be called when the debit is over, however it ended. */
  end(): void
}

interface Waiting {
  readonly amount: number
  readonly deadline: number
  wake(error?: StatemeshError): void
}

export class DebitQueue {
  readonly #host: PartitionHost
  readonly #view: BudgetView
  readonly #waiting = new Map<string, Set<Waiting>>()
  readonly #stop: () => void
  #closed = false

  constructor(host: PartitionHost, view: BudgetView) {
    this.#host = host
    this.#view = view
    this.#stop = view.subscribe(({ keys }) => {
      for (const key of keys) for (const waiting of this.#waiting.get(key) ?? []) waiting.wake()
    })
  }

  /** What those who wait for a key want together. */
  wanted(key: string): number {
    let sum = 0
    for (const { amount } of this.#waiting.get(key) ?? []) sum += amount
    return sum
  }

  wait(options: WaitOptions): Wait {
    const { key, amount, timeoutMilliseconds, signal } = options
    const { time } = this.#host
    const deadline = time.monotonic() + timeoutMilliseconds
    let settle: ((error?: StatemeshError) => void) | undefined
    const waiting: Waiting = { amount, deadline, wake: error => settle?.(error) }
    const leave = (): boolean => {
      const all = this.#waiting.get(key)
      if (!all?.delete(waiting)) return false
      if (all.size === 0) this.#waiting.delete(key)
      return true
    }
    return {
      leftMilliseconds: () => Math.max(0, deadline - time.monotonic()),
      forChange: () => {
        if (time.monotonic() >= deadline || signal?.aborted) throw unreachable(key)
        this.#enter(key, waiting)
        const woken = new Promise<void>((resolve, reject) => {
          const giveUp = () => waiting.wake(unreachable(key))
          const cancel: CancelTimer = time.after(deadline - time.monotonic(), giveUp)
          signal?.addEventListener('abort', giveUp)
          settle = error => {
            settle = undefined
            cancel()
            signal?.removeEventListener('abort', giveUp)
            if (error === undefined) resolve()
            else reject(error)
          }
        })
        return holdUp(time, woken)
      },
      withdraw: (rowKey, draft) => {
        if (rowKey === key && leave()) this.#setRequest(key, draft)
      },
      end: () => {
        if (leave() && !this.#closed) this.#request(key)
      },
    }
  }

  /** All that wait fail. */
  close(): void {
    this.#closed = true
    this.#stop()
    const closed = new StatemeshError('CLOSED', 'the partition is closed')
    for (const all of this.#waiting.values()) for (const waiting of all) waiting.wake(closed)
    this.#waiting.clear()
  }

  #enter(key: string, waiting: Waiting): void {
    const all = this.#waiting.get(key) ?? new Set()
    if (all.has(waiting)) return
    this.#waiting.set(key, all.add(waiting))
    this.#request(key)
  }

  #request(key: string): void {
    this.#view.edit([key], draft => this.#setRequest(key, draft))
  }

  /** One request for all that wait; other handles of this replica have their own beside it. */
  #setRequest(key: string, draft: BudgetRow): void {
    const { actor, time } = this.#host
    const all = [...(this.#waiting.get(key) ?? [])]
    draft.requests = draft.requests.filter(request => request.actor !== actor)
    if (all.length === 0) return
    const left = Math.max(...all.map(({ deadline }) => deadline)) - time.monotonic()
    const until = Math.max(0, Math.ceil(time.now() + left))
    const need = Math.min(Number.MAX_SAFE_INTEGER, this.wanted(key))
    draft.requests.push({ actor, need, until })
  }
}

function unreachable(key: string): StatemeshError {
  return new StatemeshError('BUDGET_UNREACHABLE', `nobody gave rights of ${key} in time`)
}
