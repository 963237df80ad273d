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

/** Packages that the lock file binds to one registry's address. */
export function lockFileComplaints(lockFile: string): string[] {
  const { packages } = JSON.parse(lockFile) as {
    packages: { [path: string]: { resolved?: string } }
  }
  return Object.entries(packages)
    .filter(([, { resolved }]) => resolved?.startsWith('http'))
    .map(([path, { resolved }]) => `${path}: ${resolved}`)
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
