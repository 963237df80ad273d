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

/** Error codes that have neither a table row nor a heading of their own. */
export function errorCodeComplaints(readme: string, codes: readonly string[]): string[] {
  return codes.filter(
    code => !new RegExp(`^(?:\\|\\s*\`${code}\`\\s*\\||#+ .*\`${code}\`)`, 'm').test(readme),
  )
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
