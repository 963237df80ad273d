/** The README's examples as scripts for pages: those that run, and need nothing that browsers lack. */
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { readExamples, usualRelayAddress } from '../support/examples.ts'
import { inRepository } from '../support/repository.ts'
import { bundleForBrowsers } from './bundle.ts'

/** Listening on a port, a relay, and a package that only Node can run. */
const needsNode = /\blisten\b|'statemesh\/|'prom-client'/

/**
 * Bundles them as a user's modules, which import `statemesh`.
 *
 * @param relay stands in for the relay's usual address
 * @returns the files by their names; an example's begins with `README`
 */
export async function bundleExamples(relay: string): Promise<ReadonlyMap<string, string>> {
  const examples = readExamples('README.md', readFileSync(inRepository('README.md'), 'utf8'))
  await mkdir(inRepository('.tmp'), { recursive: true })
  // Inside the repository, where `statemesh` is the package itself.
  const directory = await mkdtemp(inRepository('.tmp', 'pages-'))
  try {
    const entries: { [name: string]: string } = {}
    for (const { name, runs, text } of examples) {
      if (!runs || needsNode.test(text)) continue
      const path = join(directory, `${name.replace(/\W/g, '-')}.ts`)
      await writeFile(path, text.replaceAll(usualRelayAddress, relay))
      entries[name.replace(/\W/g, '-')] = relative(inRepository(), path)
    }
    return (await bundleForBrowsers(entries)).files
  } finally {
    await rm(directory, { recursive: true })
  }
}
