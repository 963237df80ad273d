/** Rules about the files of the repository as a whole; each returns its complaints. */

export interface TextFile {
  readonly path: string
  readonly text: string
}

/** Beyond this a file holds more than one thing. */
export const fileLinesMax = 500

export function lengthComplaints(files: readonly TextFile[]): string[] {
  return files
    .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > fileLinesMax)
    .map(({ path, lines }) => `${path}: ${lines} lines, more than ${fileLinesMax}`)
}

// Places of one machine. A path within the repository does not begin with the slash.
const machinePath = /(?<![\w.~/-])\/(?:home|Users|root|work|workspace)\/[\w.~-]+/g

export function machinePathComplaints(files: readonly TextFile[]): string[] {
  return files.flatMap(({ path, text }) =>
    [...text.matchAll(machinePath)].map(match => `${path}: ${match[0]}`),
  )
}

interface LockedPackage {
  readonly resolved?: string
  readonly dependencies?: { readonly [name: string]: string }
  readonly optionalDependencies?: { readonly [name: string]: string }
}

/**
 * Packages that the lock file binds to one registry's address, and ones that it lacks: `npm ci`
 * refuses a lock file without the entries of other platforms, though `npm install` may write it.
 */
export function lockFileComplaints(lockFile: string): string[] {
  const { packages } = JSON.parse(lockFile) as { packages: { [path: string]: LockedPackage } }
  const locked = new Set(Object.keys(packages).map(path => path.replace(/^.*node_modules\//, '')))
  return Object.entries(packages).flatMap(([path, entry]) => {
    const needed = Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })
    const lacking = needed.filter(name => !locked.has(name)).map(name => `${path}: lacks ${name}`)
    return entry.resolved?.startsWith('http') ? [`${path}: ${entry.resolved}`, ...lacking] : lacking
  })
}

/** Links of a Markdown text that lead nowhere: to a file that is not there, or to no heading of it. */
export function linkComplaints(
  { path, text }: TextFile,
  exists: (relative: string) => boolean,
): string[] {
  const headings = new Set([...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) => slug(title ?? '')))
  return [...text.matchAll(/\]\((?!\w+:)([^)]+)\)/g)]
    .map(([, target]) => target as string)
    .filter(to => !(to.startsWith('#') ? headings.has(to.slice(1)) : exists(to)))
    .map(to => `${path}: ${to}`)
}

/** A heading as GitHub names it in links. */
function slug(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-')
}

type ErrorCodes = Readonly<Record<string, { readonly retryable: boolean }>>

/** Error codes that have no table row which says whether a retry may help. */
export function errorCodeComplaints(readme: string, codes: ErrorCodes): string[] {
  return Object.entries(codes)
    .map(([code, { retryable }]) => `| \`${code}\` | ${retryable ? 'yes' : 'no'}`)
    .filter(row => !readme.includes(`\n${row}`))
}

/** Error codes that the product gives to nobody; the file that lists them does not count. */
export function unusedCodeComplaints(files: readonly TextFile[], codes: ErrorCodes): string[] {
  const giving = files.filter(({ path }) => !/^test\/|^src\/base\/error\.ts$/.test(path))
  return Object.keys(codes).filter(code => !giving.some(({ text }) => text.includes(`'${code}'`)))
}

/** What the README tells a newcomer to type first, in this order. */
export const firstCommands = ['npm ci && npm run demo', 'npm ci && npm test'] as const

export function firstCommandComplaints(readme: string): string[] {
  const block = readme.match(/^```\w*\n([\s\S]*?)^```/m)?.[1] ?? ''
  const commands = block.split('\n').map(line => line.replace(/\s*#.*$/, '').trim())
  return firstCommands
    .filter((command, index) => commands[index] !== command)
    .map(command => `the README's first block lacks: ${command}`)
}
