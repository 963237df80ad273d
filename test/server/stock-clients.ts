/** Unmodified y-websocket clients. */
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

export interface StockClient {
  readonly doc: Y.Doc
  readonly provider: WebsocketProvider
}

/** A client that leaves when the test ends. */
export function stockClient(url: string, document: string, token?: string): StockClient {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(url, document, doc, {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
    ...(token !== undefined && { params: { token } }),
  })
  onTestFinished(() => provider.destroy())
  return { doc, provider }
}

/** Resolves when the client has what the relay had. */
export function synced({ provider }: StockClient): Promise<void> {
  if (provider.synced) return Promise.resolve()
  return new Promise(resolve => provider.once('sync', () => resolve()))
}
