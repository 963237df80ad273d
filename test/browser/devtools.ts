/** The tools for developers that are in Chromium: they open pages, and do to them what no page can. */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { waitUntil } from '../support/wait-until.ts'

interface Target {
  readonly url: string
  readonly webSocketDebuggerUrl: string
}

export class Devtools {
  readonly #port: number

  constructor(port: number) {
    this.#port = port
  }

  /** Opens a page in a tab, and in a process, of its own. */
  async openTab(url: string): Promise<void> {
    await fetch(`http://127.0.0.1:${this.#port}/json/new?${url}`, { method: 'PUT' })
  }

  /** Calls a method upon a page; what it set holds until the function that comes back is called. */
  async call(path: string, method: string, params: object = {}): Promise<() => void> {
    const socket = new WebSocket((await this.#target(path)).webSocketDebuggerUrl)
    await once(socket, 'open')
    socket.send(JSON.stringify({ id: 1, method, params }))
    const [answer] = await once(socket, 'message')
    const { error } = JSON.parse(String(answer)) as { error?: { message: string } }
    if (error) throw new Error(`${method}: ${error.message}`)
    return () => socket.close()
  }

  /** The page with that path; a tab that is going to another one may have none for a moment. */
  async #target(path: string): Promise<Target> {
    let target: Target | undefined
    await waitUntil(async () => {
      const list = await fetch(`http://127.0.0.1:${this.#port}/json/list`)
      target = ((await list.json()) as Target[]).find(({ url }) => url.endsWith(path))
      return target !== undefined
    })
    return target as unknown as Target
  }
}
