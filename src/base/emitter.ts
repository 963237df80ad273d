/**
 * Typed events. A listener that throws does not keep the others from being called, and does not
 * reach the emitter: what happened has happened, so its error is thrown on a task of its own,
 * where the process's usual handling of uncaught errors sees it.
 */
import { StatemeshError } from './error.ts'

type Listener<Payload> = (payload: Payload) => void

export class Emitter<Events extends { [name: string]: unknown }> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>()

  /**
   * Calls `listener` at every `event` until the returned function is called.
   *
   * @throws OPTION_INVALID for a listener that is no function
   */
  on<Name extends keyof Events>(event: Name, listener: Listener<Events[Name]>): () => void {
    if (typeof listener !== 'function') {
      throw new StatemeshError('OPTION_INVALID', 'a listener is a function')
    }
    let listeners = this.#listeners.get(event)
    if (listeners === undefined) {
      listeners = new Set()
      this.#listeners.set(event, listeners)
    }
    // A wrapper of its own, so that one function may listen twice and leave once.
    const own: Listener<Events[Name]> = payload => listener(payload)
    listeners.add(own)
    return () => {
      listeners.delete(own)
    }
  }

  emit<Name extends keyof Events>(event: Name, payload: Events[Name]): void {
    const listeners = this.#listeners.get(event)
    if (listeners === undefined || listeners.size === 0) return
    for (const listener of [...listeners]) {
      // An earlier listener may have made this one leave.
      if (!listeners.has(listener)) continue
      try {
        ;(listener as Listener<Events[Name]>)(payload)
      } catch (thrown) {
        queueMicrotask(() => {
          throw thrown
        })
      }
    }
  }

  has(event: keyof Events): boolean {
    return (this.#listeners.get(event)?.size ?? 0) > 0
  }
}
