/**
 * Hocuspocus with SQLite: packages in the first argument, data in the second. Version 4 uses the
 * SQLite that newer Nodes have, with the statements of its own extension: that one's native add-on
 * is built for the Node that installs it, which is not the one that it runs under.
 */
import type { Server as HttpServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

const [, , directory = '', data = ''] = process.argv
const load = createRequire(join(directory, 'package.json'))

interface Hocuspocus {
  listen(): Promise<unknown>
  readonly httpServer: HttpServer
}

type Extension = new (options: object) => unknown

/** The extension of version 3. */
interface Sqlite {
  readonly db: { get(sql: string, done: (error: Error | null, row?: object) => void): void }
}

const { Server } = load('@hocuspocus/server') as { Server: new (options: object) => Hocuspocus }

const isVersion3 = Number(process.versions.node.split('.')[0]) < 22

function sqliteExtension(): unknown {
  if (isVersion3) {
    const { SQLite } = load('@hocuspocus/extension-sqlite') as { SQLite: Extension }
    return new SQLite({ database: data })
  }
  const { Database } = load('@hocuspocus/extension-database') as { Database: Extension }
  return new Database(nodeSqlite())
}

interface Statement {
  get(values: object): { data: Uint8Array } | undefined
  run(values: object): unknown
}

function nodeSqlite(): object {
  const { DatabaseSync } = load('node:sqlite') as {
    DatabaseSync: new (file: string) => { exec(sql: string): void; prepare(sql: string): Statement }
  }
  const database = new DatabaseSync(data)
  database.exec('CREATE TABLE IF NOT EXISTS documents (name TEXT PRIMARY KEY, data BLOB NOT NULL)')
  const select = database.prepare('SELECT data FROM documents WHERE name = $name')
  const upsert = database.prepare(
    'INSERT INTO documents VALUES ($name, $data) ON CONFLICT (name) DO UPDATE SET data = $data',
  )
  return {
    fetch: async ({ documentName }: { documentName: string }) =>
      select.get({ $name: documentName })?.data ?? null,
    store: async ({ documentName, state }: { documentName: string; state: Uint8Array }) =>
      upsert.run({ $name: documentName, $data: state }),
  }
}

/** The extension of version 3 makes its table without waiting; who joins before is refused. */
async function tableMade({ db }: Sqlite): Promise<void> {
  const sql = "SELECT name FROM sqlite_master WHERE name = 'documents'"
  const made = () =>
    new Promise<boolean>((resolve, reject) => {
      db.get(sql, (error, row) => (error === null ? resolve(row !== undefined) : reject(error)))
    })
  while (!(await made())) await new Promise(resolve => setTimeout(resolve, 10))
}

const extension = sqliteExtension()
const server = new Server({
  port: 0,
  address: '127.0.0.1',
  quiet: true,
  extensions: [extension],
})
await server.listen()
if (isVersion3) await tableMade(extension as Sqlite)
const { port } = server.httpServer.address() as AddressInfo
process.stdout.write(`${JSON.stringify({ url: `ws://127.0.0.1:${port}` })}\n`)
