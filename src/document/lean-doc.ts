/**
 * A `Y.Doc` that does not pay for events that nobody listens to. Yjs emits six or seven for each
 * transaction, and for each of them lib0 makes a map and a list, even if there are no listeners.
 */
import * as Y from 'yjs'

export class LeanDoc extends Y.Doc {
  override emit(...[event, payload]: Parameters<Y.Doc['emit']>): void {
    const listeners = this._observers.get(event)
    if (listeners === undefined) return
    // As in lib0, who listens when the event comes hears it, whatever other listeners do.
    for (const listener of [...listeners]) listener(...payload)
  }
}
