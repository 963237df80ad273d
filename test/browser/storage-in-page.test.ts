/** The storage in a real browser: who may open it, and what becomes of it. */
import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeStorage } from '../contracts/storage.ts'
import { runningRelay } from '../server/running-relay.ts'
import { findChromium, insecureHost } from '../support/chromium.ts'
import { waitUntil } from '../support/wait-until.ts'
import { Browser } from './browser.ts'
import type { Page } from './page-host.ts'
import { openStorageOfPage } from './storage-of-page.ts'

const chromium = findChromium()

async function flushLocally(page: Page): Promise<string> {
  return page.run('flush', 'local').then(
    () => 'flushed',
    error => `${error.code}: ${error.message}`,
  )
}

describe.runIf(chromium)('a store in a page', () => {
  let browser: Browser
  let contractPage: Page | undefined
  beforeAll(async () => {
    browser = await Browser.open(chromium as string, { main: 'dist/test/browser/page/main.js' })
  })
  afterAll(() => browser?.close())

  describeStorage('the storage in IndexedDB', async () => {
    contractPage ??= await browser.openTab('contract')
    const page = contractPage
    const location = randomUUID()
    return { open: () => openStorageOfPage(page, location), dispose: async () => undefined }
  })

  test('belongs to one tab at a time, and to the next one when that has closed it', async () => {
    const [one, two] = [await browser.openTab('one'), await browser.openTab('two')]
    await one.run('open', { storage: 'shared' })
    await expect(two.run('open', { storage: 'shared' })).rejects.toMatchObject({
      name: 'StatemeshError',
      code: 'STORAGE_LOCKED',
    })
    await one.run('set', 'a', 'of tab one')
    await one.run('close')
    await two.run('open', { storage: 'shared' })
    expect(await two.run('entries')).toEqual({ a: 'of tab one' })
  })

  test('is free when its tab has crashed', async () => {
    const [one, two] = [await browser.openTab('crashing'), await browser.openTab('heir')]
    await one.run('open', { storage: 'inherited' })
    await one.run('set', 'a', 'kept')
    await one.run('flush', 'local')
    // Nobody is left to answer.
    const crash = () => void browser.devtools('crashing', 'Page.crash').catch(() => undefined)
    await one.gone(crash)
    await two.run('open', { storage: 'inherited' })
    expect(await two.run('entries')).toEqual({ a: 'kept' })
  })

  test('is free when its page is loaded again', async () => {
    const page = await browser.openTab('loaded-again')
    for (let round = 0; round < 5; round++) {
      await page.run('open', { storage: 'loaded-again' })
      await page.run('set', `round ${round}`, 'x')
      await page.run('flush', 'local')
      await browser.reload('loaded-again')
    }
    await page.run('open', { storage: 'loaded-again' })
    expect(Object.keys(await page.run('entries'))).toHaveLength(5)
  })

  test('is free when its page was left, and goes on with the page where nobody has it', async () => {
    const { url } = await runningRelay()
    const [page, other] = [await browser.openTab('left'), await browser.openTab('other')]
    const store = { storage: 'left', relay: url }
    const elsewhere = { url: `${browser.originOf('localhost')}/elsewhere` }
    const leave = () => browser.devtools('left', 'Page.navigate', elsewhere)
    // Not at once: nobody would be left to answer.
    const goBack = { expression: 'void setTimeout(() => history.back())' }
    const back = () => page.back(() => browser.devtools('elsewhere', 'Runtime.evaluate', goBack))
    await page.run('open', store)
    await page.run('set', 'a', 'before')
    await page.run('flush', 'durable')

    await leave()
    await back()
    // A browser may put a page aside with all that is in it, or load it anew.
    if (!(await page.run('isOpen'))) await page.run('open', store)
    await page.run('set', 'b', 'after')
    await page.run('flush', 'durable')

    await leave()
    await other.run('open', store)
    expect(await other.run('entries')).toEqual({ a: 'before', b: 'after' })
    await back()
    expect(await page.run('isOpen')).toBe(false)
    await expect(page.run('open', store)).rejects.toMatchObject({ code: 'STORAGE_LOCKED' })
  })

  test('is refused where the platform could not keep a second tab out', async () => {
    const page = await browser.openTab('insecure', insecureHost)
    await expect(page.run('open', { storage: 'insecure' })).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      message: expect.stringContaining('https'),
    })
  })

  test('has every write on the disk before it says so', async () => {
    const page = await browser.openTab('strict')
    await page.run('watchDurability')
    await page.run('open', { storage: 'strict' })
    await page.run('set', 'a', 'x')
    await page.run('flush', 'local')
    await page.run('close')
    expect(await page.run('durabilities')).toEqual(['strict'])
  })

  test('that is full refuses with a code, loses nothing, and goes on when there is room', async () => {
    const page = await browser.openTab('full', 'full.localhost')
    await page.run('databases') // it is there
    const quota = { origin: browser.originOf('full.localhost'), quotaSize: 200_000 }
    const makeRoom = await browser.devtools('full', 'Storage.overrideQuotaForOrigin', quota)
    await page.run('open', { storage: 'full' })
    const large = randomBytes(300_000).toString('base64') // which nothing makes smaller
    await page.run('set', 'a', large)
    await expect(page.run('flush', 'local')).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      message: expect.stringContaining('Quota'),
    })
    makeRoom()
    await waitUntil(async () => (await flushLocally(page)) === 'flushed')
    await browser.reload('full')
    await page.run('open', { storage: 'full' })
    expect(await page.run('entries')).toEqual({ a: large })
  })

  test('that the user clears is not made anew under a replica, whose relay gets on with it', async () => {
    const { url } = await runningRelay()
    const page = await browser.openTab('forgetful', 'forgetful.localhost')
    await page.run('open', { storage: 'forgotten', relay: url })
    await page.run('set', 'a', 'before')
    await page.run('flush', 'durable')
    await page.run('forget')
    await page.run('set', 'b', 'after')
    // At first it may say that the write under way was cut short.
    await waitUntil(async () => /^STORAGE_UNAVAILABLE: .* deleted/.test(await flushLocally(page)))
    expect(await page.run('databases')).not.toContain('level-js-forgotten')
    await browser.reload('forgetful')
    await page.run('open', { storage: 'forgotten', relay: url })
    await page.run('entries')
    await page.run('synced')
    expect(await page.run('entries')).toEqual({ a: 'before', b: 'after' })
  })
})
