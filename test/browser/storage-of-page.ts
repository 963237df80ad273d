/** The storage that a page has open, as one that is here. */
import { fromBase64, toBase64 } from 'lib0/buffer'
import type { Storage } from '../../src/index.ts'
import type { Page } from './page-host.ts'

export async function openStorageOfPage(page: Page, location: string): Promise<Storage> {
  await page.run('openStorage', location)
  return {
    async load(document) {
      const { updates, damaged } = await page.run('load', document)
      if (damaged > 0) throw new Error(`${damaged} records are damaged`)
      const read = updates.map(([clock, update]) => ({ clock, update: fromBase64(update) }))
      return { updates: read, damaged: [] }
    },
    append: (document, update) => page.run('append', document, toBase64(update)),
    replace: (document, through, update) =>
      page.run('replace', document, through, toBase64(update)),
    remove: document => page.run('remove', document),
    documents: () => page.run('documents'),
    async records(prefix) {
      const records = await page.run('records', prefix)
      return new Map(records.map(([key, value]) => [key, fromBase64(value)]))
    },
    writeRecord: (key, value) => page.run('writeRecord', key, value ? toBase64(value) : null),
    close: () => page.run('closeStorage'),
  }
}
