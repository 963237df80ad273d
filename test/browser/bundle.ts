/** Bundles the built library for browsers, with the scripts of pages that use it, as a user would. */
import { build, createLogger } from 'vite'
import { inRepository } from '../support/repository.ts'

export interface Bundle {
  /** The text of each file by its name. */
  readonly files: ReadonlyMap<string, string>
  /** What the bundler had to say against it. */
  readonly complaints: readonly string[]
}

/** @param entries scripts by their names, as paths within the repository */
export async function bundleForBrowsers(entries: { [name: string]: string }): Promise<Bundle> {
  const complaints: string[] = []
  const customLogger = createLogger('silent')
  const complain = (message: string) => void complaints.push(message)
  const input = Object.fromEntries(
    Object.entries(entries).map(([name, path]) => [name, inRepository(path)]),
  )
  const built = await build({
    root: inRepository(),
    configFile: false,
    publicDir: false,
    logLevel: 'silent',
    customLogger: { ...customLogger, warn: complain, warnOnce: complain, error: complain },
    build: {
      write: false,
      minify: false,
      rolldownOptions: { input, output: { entryFileNames: '[name].js' } },
    },
  })
  if (!('output' in built)) throw new Error('one build was asked for')
  const files = built.output.map(file => {
    return [file.fileName, 'code' in file ? file.code : String(file.source)] as const
  })
  return { files: new Map(files), complaints }
}
