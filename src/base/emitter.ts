/**
 * Typed events. A listener that throws does not keep the others from being called, and does not
 * reach the emitter: what happened has happened, so its error is thrown on a task of its own,
 * where the process's usual handling of uncaught errors sees it.
 */
import { StatemeshError } from './error.ts'

/** One that listens. A function may listen twice, and leave once. */
interface Member {
  readonly listener: (payload: never) => void
  left: boolean
}

interface Audience {
  readonly members: Set<Member>
  /** The members, until one comes or goes: a list that is gone through while that happens. */
  list: readonly Member[] | undefined
}

export class Emitter<Events extends { [name: string]: unknown }> {
  readonly #audiences = new Map<keyof Events, Audience>()

  /**
   * Calls `listener` at every `event` until the returned function is called.
   *
   * @throws OPTION_INVALID for a listener that is no function
   */
  on<Name extends keyof Events>(
    event: Name,
    listener: (payload: Events[Name]) => void,
  ): () => void {
    if (typeof listener !== 'function') {
      throw new StatemeshError('OPTION_INVALID', 'a listener is a function')
    }
    let audience = this.#audiences.get(event)
    if (audience === undefined) {
      audience = { members: new Set(), list: undefined }
      this.#audiences.set(event, audience)
    }
    return join(audience, { listener, left: false })
  }

  emit<Name extends keyof Events>(event: Name, payload: Events[Name]): void {
    const audience = this.#audiences.get(event)
    if (audience === undefined) return
    audience.list ??= [...audience.members]
    for (const { listener, left } of audience.list) {
      // An earlier listener may have made this one leave.
      if (left) continue
      try {
        listener(payload as never)
      } catch (thrown) {
        queueMicrotask(() => {
          throw thrown
        })
      }
    }
  }

  has(event: keyof Events): boolean {
    return (this.#audiences.get(event)?.members.size ?? 0) > 0
  }
}

function join(audience: Audience, member: Member): () => void {
  audience.members.add(member)
  audience.list = undefined
  return () => {
    member.left = true
    audience.members.delete(member)
    audience.list = undefined
  }
}
