/** Finds and reads the text that the demo indexes: every Markdown file under a directory. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface TextFile {
  /** Relative to the directory, with slashes on every platform. */
  readonly path: string
  readonly text: string
}

/** What others wrote or what was generated; hidden directories are left out too. */
const foreignDirectories = new Set(['node_modules', 'dist', 'coverage', 'relay-data'])

/** All files ending in `.md`, in the order of their paths. Links to files are not followed. */
export async function readTextFiles(root: string): Promise<TextFile[]> {
  const paths = await findMarkdown(root, '')
  return Promise.all(
    paths.sort().map(async path => ({ path, text: await readFile(join(root, path), 'utf8') })),
  )
}

async function findMarkdown(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true })
  const found = entries.map(async entry => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isFile()) return entry.name.endsWith('.md') ? [path] : []
    const own = !entry.name.startsWith('.') && !foreignDirectories.has(entry.name)
    return entry.isDirectory() && own ? findMarkdown(root, path) : []
  })
  return (await Promise.all(found)).flat()
}
