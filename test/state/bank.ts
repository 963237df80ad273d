/** A bank that is served over links, and what breaks the way to it, for the tests of processes. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import { z } from 'zod'
import {
  type BudgetPartition,
  createMemoryStorage,
  defineHandler,
  definePartition,
  defineProcess,
  type ListenForMessagesOptions,
  type Listening,
  linkToProcess,
  listenForMessages,
  openProcess,
  openReplica,
  type Process,
  type ProcessDefinition,
  type ProcessLink,
  type ProcessLinkOptions,
  type Replica,
  room,
  type Scope,
} from '../../src/index.ts'

export const scope: Scope = room('r1')

export interface World {
  readonly balances: BudgetPartition
  /** The ids that ran. */
  readonly ran: string[]
  /** What `Wait` waits for. */
  readonly gate: { opened: Promise<void>; open(): void }
}

const Balances = definePartition({ name: 'balances', policy: 'budget', budget: { owner: 'ann' } })
export const define = (servers: string[] = ['ann']): ProcessDefinition<World> =>
  defineProcess<World>({
    name: 'bank',
    owner: 'ann',
    servers,
    handlers: {
      transfer: defineHandler({
        match: { Action: 'Transfer' },
        data: z.object({ to: z.string(), amount: z.number() }),
        run: async ({ id, from, data }, { balances, ran }: World) => {
          ran.push(id)
          await balances.transfer(from, data.to, data.amount, { memo: id })
          return 'Transfer completed'
        },
      }),
      mint: {
        match: { Action: 'Mint' },
        ownerOnly: true,
        run: ({ tags }, { balances }) => balances.mint(tags.To ?? 'ann', 100),
      },
      echo: { match: { Action: 'Echo' }, run: ({ from, data }) => ({ from, data }) },
      wait: {
        match: { Action: 'Wait' },
        run: async ({ id }, { ran, gate }) => {
          ran.push(id)
          await gate.opened
          return 'waited'
        },
      },
      large: { match: { Action: 'Large' }, run: () => Array(80_000).fill('€'.repeat(4)) },
    },
  })

export function newGate(): World['gate'] {
  let open = () => {}
  return { opened: new Promise(resolve => (open = resolve)), open: () => open() }
}

export interface Bank extends World {
  readonly replica: Replica
  readonly bank: Process<World>
  readonly listening: Listening
  /** A client that ends with its test. */
  link(actor: string, given?: Partial<ProcessLinkOptions>): ProcessLink
}

export async function startBank(
  options: Partial<ListenForMessagesOptions> = {},
  Bank: ProcessDefinition<World> = define(),
): Promise<Bank> {
  const replica = await openReplica({ actor: 'ann', storage: createMemoryStorage() })
  const balances = await replica.open(scope, Balances)
  const bank = await openProcess(replica, scope, Bank)
  const world: World = { balances, ran: [], gate: newGate() }
  bank.serve(world)
  const listening = await listenForMessages(bank, { listen: { port: 0 }, ...options })
  onTestFinished(async () => {
    world.gate.open()
    await listening.close()
    await replica.close()
  })
  const link = (actor: string, given: Partial<ProcessLinkOptions> = {}) => {
    const opened = linkToProcess(scope, Bank, { address: listening.address, actor, ...given })
    onTestFinished(() => opened.close())
    return opened
  }
  return { replica, bank, listening, link, ...world }
}

export const coded = (code: string): unknown => expect.objectContaining({ code })

/** What stands between a client and a server, and can lose what the server says. */
export interface Proxy {
  readonly address: string
  /** The connections that were made, in order. */
  readonly pairs: readonly { client: Socket; server: Socket }[]
  cut(): void
  /** From now on nothing comes back; gives how many bytes were lost. */
  loseReplies(): () => number
}

export async function startProxy(address: string): Promise<Proxy> {
  const pairs: { client: Socket; server: Socket }[] = []
  const proxy = createServer(client => {
    const server = connect(Number(new URL(address).port), '127.0.0.1')
    pairs.push({ client, server })
    client.pipe(server)
    server.pipe(client)
    for (const end of [client, server]) end.on('error', () => end.destroy())
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const cut = () => {
    for (const { client, server } of pairs) {
      client.destroy()
      server.destroy()
    }
  }
  onTestFinished(() => {
    cut()
    proxy.close()
  })
  return {
    address: `ws://127.0.0.1:${(proxy.address() as AddressInfo).port}/`,
    pairs,
    cut,
    loseReplies() {
      let lost = 0
      for (const { client, server } of pairs) {
        server.unpipe(client)
        server.on('data', bytes => (lost += bytes.length)).resume()
      }
      return () => lost
    },
  }
}
