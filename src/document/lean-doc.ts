/**
 * A `Y.Doc` that does not pay for events that nobody listens to, nor for a copy of the listeners where
 * somebody does. Yjs emits six or seven events for each transaction, and lib0 makes lists for each.
 */
import type { ObservableV2 } from 'lib0/observable'
import * as Y from 'yjs'

type Events = Y.Doc extends ObservableV2<infer Events> ? Events : never
type Listener = (...payload: unknown[]) => void

export class LeanDoc extends Y.Doc {
  /** Made when an event comes. No initial value: Yjs listens to itself while it makes the document. */
  declare private lists: Map<string, readonly Listener[]> | undefined

  override on<Name extends keyof Events & string>(
    event: Name,
    listener: Events[Name],
  ): Events[Name] {
    this.lists?.delete(event)
    return super.on(event, listener)
  }

  override off<Name extends keyof Events & string>(event: Name, listener: Events[Name]): void {
    this.lists?.delete(event)
    super.off(event, listener)
  }

  override emit(...[event, payload]: Parameters<Y.Doc['emit']>): void {
    const listeners = this._observers.get(event)
    if (listeners === undefined) return
    this.lists ??= new Map()
    let list = this.lists.get(event)
    if (list === undefined) {
      list = [...listeners] as Listener[]
      this.lists.set(event, list)
    }
    // As in lib0, who listens when the event comes hears it, whatever other listeners do.
    for (const listener of list) listener(...payload)
  }
}
