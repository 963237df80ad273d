/** A browser with an empty profile, and the pages of these tests in it, for the tests of one file. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Chromium, startChromium } from '../support/chromium.ts'
import { bundleForBrowsers } from './bundle.ts'
import { Devtools } from './devtools.ts'
import { type Page, PageHost } from './page-host.ts'

export class Browser {
  readonly #program: string
  readonly #profile: string
  readonly #host: PageHost
  #chromium: Chromium

  private constructor(program: string, profile: string, host: PageHost, chromium: Chromium) {
    this.#program = program
    this.#profile = profile
    this.#host = host
    this.#chromium = chromium
  }

  /** @param entries the scripts of the pages, see `bundleForBrowsers` */
  static async open(program: string, entries: { [name: string]: string }): Promise<Browser> {
    const { files } = await bundleForBrowsers(entries)
    const profile = await mkdtemp(join(tmpdir(), 'statemesh-profile-'))
    const host = await PageHost.start()
    host.serve(files)
    return new Browser(program, profile, host, await startChromium({ program, profile }))
  }

  /** The origin of the pages from a host; the browser finds all names under `localhost` here. */
  originOf(host: string): string {
    return `http://${host}:${this.#host.port}`
  }

  /** Lets pages import further scripts, by their names. */
  serve(files: ReadonlyMap<string, string>): void {
    this.#host.serve(files)
  }

  /** Opens a page of that name in a tab of its own. */
  async openTab(name: string, host: string = 'localhost'): Promise<Page> {
    await this.#devtools.openTab(`${this.originOf(host)}/${name}`)
    return this.#host.page(name)
  }

  /** Does to a page what the tools for developers can; it holds until the function is called. */
  devtools(name: string, method: string, params: object = {}): Promise<() => void> {
    return this.#devtools.call(`/${name}`, method, params)
  }

  /** Loads a page again, and resolves when what was there is gone. */
  async reload(name: string): Promise<void> {
    await this.#host.page(name).gone(() => this.devtools(name, 'Page.reload'))
  }

  /** Kills the browser, and starts it again with what it had on its disk. */
  async killAndRestart(): Promise<void> {
    await this.#chromium.kill()
    this.#chromium = await startChromium({ program: this.#program, profile: this.#profile })
  }

  async close(): Promise<void> {
    await this.#chromium.kill()
    this.#host.close()
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 })
  }

  get #devtools(): Devtools {
    return new Devtools(this.#chromium.devtoolsPort)
  }
}
