/** Serves the pages of these tests, and has them do steps: a page links with it by a WebSocket. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { waitUntil } from '../support/wait-until.ts'
import type { StepCall, StepOutcome } from './page/main.ts'
import type { steps } from './page/steps.ts'

type Steps = typeof steps
type Output<Name extends keyof Steps> = Awaited<ReturnType<Steps[Name]>>

const page = '<!doctype html><meta charset="utf-8"><script type="module" src="/main.js"></script>'

export class PageHost {
  readonly #server: Server
  readonly #scripts = new Map<string, string>()
  readonly #pages = new Map<string, Page>()

  private constructor(server: Server) {
    this.#server = server
    server.on('request', ({ url = '' }, response) => {
      const script = this.#scripts.get(url)
      const type = script === undefined ? 'text/html' : 'text/javascript'
      // As when a user has the browser forget a site.
      if (url === '/forget') response.setHeader('clear-site-data', '"storage"')
      response.setHeader('content-type', type).end(script ?? page)
    })
    new WebSocketServer({ server }).on('connection', (socket, { url = '' }) => {
      this.page(url.slice(1)).linked(socket)
    })
  }

  static async start(): Promise<PageHost> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new PageHost(server)
  }

  /** Has these scripts, too, under their names. */
  serve(files: ReadonlyMap<string, string>): void {
    for (const [name, text] of files) this.#scripts.set(`/${name}`, text)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** A page by its name, which is its path; it need not be open yet. */
  page(name: string): Page {
    const known = this.#pages.get(name) ?? new Page()
    this.#pages.set(name, known)
    return known
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

export class Page {
  #socket: WebSocket | undefined
  #lastCall = 0
  readonly #calls = new Map<number, (outcome: StepOutcome) => void>()

  /** Its script runs, for the first time or again. */
  linked(socket: WebSocket): void {
    this.#socket = socket
    socket.on('message', data => {
      const outcome = JSON.parse(String(data)) as StepOutcome
      this.#calls.get(outcome.id)?.(outcome)
      this.#calls.delete(outcome.id)
    })
    socket.on('close', () => {
      if (this.#socket !== socket) return
      this.#socket = undefined
      const error = { name: 'Error', message: 'the page is gone' }
      for (const [id, answer] of this.#calls) answer({ id, error })
      this.#calls.clear()
    })
  }

  /** Has the page do a step. @throws what the step throws: `name`, `message`, `code` */
  async run<Name extends keyof Steps>(
    step: Name,
    ...inputs: Parameters<Steps[Name]>
  ): Promise<Output<Name>> {
    const { output, error } = await this.#call(step, inputs)
    if (error) throw Object.assign(new Error(error.message), error)
    return output as Output<Name>
  }

  /** Does what makes the page go, and resolves when it is gone. */
  async gone(leave: () => unknown): Promise<void> {
    const socket = await this.#link()
    const gone = once(socket, 'close')
    await leave()
    await gone
  }

  /** Does what brings the page back, and resolves when it is there. */
  async back(bring: () => unknown): Promise<void> {
    const before = this.#socket
    await bring()
    await waitUntil(() => this.#socket !== undefined && this.#socket !== before)
  }

  async #call(step: string, inputs: readonly unknown[]): Promise<StepOutcome> {
    const socket = await this.#link()
    this.#lastCall += 1
    const call: StepCall = { id: this.#lastCall, step, inputs }
    return new Promise(resolve => {
      this.#calls.set(call.id, resolve)
      socket.send(JSON.stringify(call))
    })
  }

  async #link(): Promise<WebSocket> {
    await waitUntil(() => this.#socket !== undefined)
    return this.#socket as WebSocket
  }
}
