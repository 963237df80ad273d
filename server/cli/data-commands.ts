/**
 * `statemesh inspect`, `diff`, `rewind`, `export`, `import` and `cleanup`: what a data directory holds, of
 * a replica or a relay, running or not. All but `import --write`, `cleanup` without `--dry-run` and the
 * output of `export` only read.
 */
import { type Command, InvalidArgumentError } from 'commander'
import { toStatemeshError } from '../../src/base/error.ts'
import type { CleanupFlags } from './cleanup-data.ts'
import type { ExportFlags } from './export-data.ts'
import type { ImportFlags } from './import-data.ts'
import type { DiffFlags, InspectFlags, RewindFlags } from './inspect-data.ts'
import { log } from './log.ts'
import { failed, type Outcome } from './outcome.ts'

const limitDefault = 50
/** Of `cleanup`: nobody waits for the directory, but somebody may wait for the command. */
const operationsDefault = 100_000
const millisecondsDefault = 60_000

/** What a command needs is loaded when it is run: that is the whole library, which a relay has no use for. */
export function addDataCommands(program: Command): void {
  add(program, 'inspect', 'show what a data directory holds, or one document of it')
    .argument('<directory>', 'of a replica or a relay, running or not; or an exported file')
    .argument('[document]', 'such as room:r1/users')
    .option('--limit <rows>', 'how many rows are shown', parseCount, limitDefault)
    .option('--json', 'print JSON')
    .action((directory: string, document: string | undefined, flags: InspectFlags) =>
      run('inspect', async () =>
        (await import('./inspect-data.ts')).inspectData(directory, document, flags),
      ),
    )
  add(program, 'diff', 'show what differs between two places; exits with 1 if something does')
    .argument('<before>', 'a data directory, or an exported file')
    .argument('<after>', 'another one')
    .option('--document <name>', 'only this document')
    .option('--limit <rows>', 'how many rows are shown', parseCount, limitDefault)
    .option('--json', 'print JSON')
    .action((before: string, after: string, flags: DiffFlags) =>
      run('diff', async () => (await import('./inspect-data.ts')).diffData(before, after, flags)),
    )
  add(program, 'rewind', 'show a document as it was; changes nothing')
    .argument('<directory>', 'a data directory')
    .argument('<document>', 'such as room:r1/users')
    .option('--to <time>', 'an ISO time, or milliseconds since 1970', parseTime)
    .option('--updates <count>', 'after so many of its stored updates', parseCount)
    .option('--limit <rows>', 'how many rows are shown', parseCount, limitDefault)
    .option('--json', 'print JSON')
    .action((directory: string, document: string, flags: RewindFlags) =>
      run('rewind', async () =>
        (await import('./inspect-data.ts')).rewindData(directory, document, flags),
      ),
    )
  add(program, 'export', 'write documents as JSON, as a Yjs update, or as a y-leveldb directory')
    .argument('<directory>', 'a data directory')
    .option('--format <format>', 'json, update or leveldb', parseFormat, 'json')
    .option('--document <name>', 'only this document; may be repeated', collect)
    .option('--output <path>', 'where to; JSON goes to stdout without it')
    .option('--values-only', 'JSON without the updates that make documents again exactly')
    .action((directory: string, flags: ExportFlags) =>
      run('export', async () => (await import('./export-data.ts')).exportData(directory, flags)),
    )
  add(program, 'import', 'put documents into a data directory that no process has open')
    .argument('<directory>', 'of a replica or a relay; made if it is not there')
    .argument('<source>', 'exported JSON, a Yjs update, or a data or y-leveldb directory')
    .option('--document <name>', 'only this document; of an update, its name')
    .option('--write', 'do it; without it, only say what would be written')
    .option('--json', 'print JSON')
    .action((directory: string, source: string, flags: ImportFlags) =>
      run('import', async () =>
        (await import('./import-data.ts')).importData(directory, source, flags),
      ),
    )
  add(program, 'cleanup', 'take away what rules no longer keep; exits with 1 if something is left')
    .requiredOption('--data <directory>', 'of a replica; that no process has open, but to show it')
    .option('--dry-run', 'only show what would go')
    .option('--archive <directory>', 'where what goes is kept; made if it is not there')
    .option('--rules <file>', 'rules by their names, as JSON, beside those that are stored')
    .option('--actor <id>', 'in whose name', 'cleanup')
    .option('--operations <count>', 'at most about so many', parseCount, operationsDefault)
    .option('--milliseconds <count>', 'for at most so long', parseCount, millisecondsDefault)
    .option('--json', 'print JSON')
    .action((flags: CleanupFlags) =>
      run('cleanup', async () => (await import('./cleanup-data.ts')).cleanupData(flags)),
    )
}

function add(program: Command, name: string, description: string): Command {
  return program.command(name).description(description)
}

async function run(name: string, act: () => Promise<Outcome>): Promise<void> {
  try {
    const { text, exitCode } = await act()
    if (text !== '') process.stdout.write(`${text}\n`)
    process.exitCode = exitCode
  } catch (thrown) {
    const { code, message } = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
    log({ level: 'error', event: `${name}-failed`, code, message })
    process.exitCode = failed
  }
}

function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('not a count.')
}

function parseTime(text: string): number {
  const time = /^\d+$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isSafeInteger(time)) return time
  throw new InvalidArgumentError('a time is like 2026-01-31T12:00:00Z, or milliseconds since 1970.')
}

function parseFormat(text: string): string {
  if (['json', 'update', 'leveldb'].includes(text)) return text
  throw new InvalidArgumentError('formats are json, update and leveldb.')
}

function collect(name: string, names: string[] = []): string[] {
  return [...names, name]
}
