/** All that the demo starts, a relay and the agents, on temporary directories; and its end. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FaultProxy } from '../fleet/fault-proxy.ts'
import { readHolding } from './holding.ts'
import { Member } from './member.ts'
import type { Holding } from './messages.ts'
import { RelayProcess } from './relay-process.ts'
import type { Shelves } from './shared-index.ts'
import type { Section } from './text-section.ts'
import { Watch } from './watch.ts'

/** How long the largest share takes, so that there is time for things to go wrong. */
const workMilliseconds = 6_000

export interface FleetOptions {
  /** Where the build is. */
  dist: string
  sections: readonly Section[]
  agents: readonly string[]
  /** Whether the agents link with one another, and the relay joins late. */
  isPeerToPeer: boolean
  /** Called whenever there may be news to show. */
  onChange(fleet: Fleet): void
}

export class Fleet {
  readonly watch: Watch = new Watch()
  readonly relay: RelayProcess
  readonly members: readonly Member[]
  /** What was done to the relay, in words. */
  readonly relayFaults: string[] = []
  /** Pieces that were acked as durable, and were not on the relay's disk when it had been killed. */
  readonly lostByRelay: string[] = []
  readonly isPeerToPeer: boolean
  readonly #directory: string
  readonly #shelves: Shelves

  /** Not to be called directly: `prepareFleet` makes what it needs. */
  constructor(
    directory: string,
    shelves: Shelves,
    relay: RelayProcess,
    members: readonly Member[],
    isPeerToPeer: boolean,
  ) {
    this.isPeerToPeer = isPeerToPeer
    this.#directory = directory
    this.#shelves = shelves
    this.relay = relay
    this.members = members
  }

  /** How much of all sections is done, from 0 to 1. */
  get progress(): number {
    const total = this.members.reduce((sum, { shareSize }) => sum + shareSize, 0)
    return this.members.reduce((sum, { done }) => sum + done.size, 0) / total
  }

  /** The member of a name. */
  member(name: string): Member {
    const found = this.members.find(member => member.name === name)
    if (found === undefined) throw new Error(`no agent is called ${name}`)
    return found
  }

  /** The names of all pieces that were acked to anyone. */
  get acked(): string[] {
    return this.members.flatMap(({ acked }) => [...acked])
  }

  /** Starts the relay, if it is not to join late, then the agents. */
  async start(): Promise<void> {
    await Promise.all(this.members.map(({ proxy }) => proxy.listen()))
    if (!this.isPeerToPeer) await this.relay.start()
    for (const member of this.members) {
      member.start()
      if (this.isPeerToPeer) await this.#listens(member)
    }
  }

  /** Resolves when a member can be dialled: those that start after it are told where. */
  #listens(member: Member): Promise<void> {
    return this.watch.until(
      () => `${member.name} to listen`,
      () => member.address !== undefined,
    )
  }

  /** Resolves when a member has begun so much of its share, from 0 to 1. */
  memberReaches(member: Member, part: number): Promise<void> {
    return this.watch.until(
      () => `${member.name} to reach ${part} of its share (it is at ${member.progress.toFixed(2)})`,
      () => member.progress >= part,
    )
  }

  /** Resolves when so much of all sections is done, from 0 to 1. */
  fleetReaches(part: number): Promise<void> {
    return this.watch.until(
      () => `the agents to reach ${part} of the text (they are at ${this.progress.toFixed(2)})`,
      () => this.progress >= part,
    )
  }

  /** Resolves when every agent has done its share, seen all others', and has it all acked. */
  allFinish(): Promise<void> {
    const others = () => this.members.filter(({ state }) => state !== 'finished')
    return this.watch.until(
      () => `${others().map(({ name, state }) => `${name} (${state})`)} to finish`,
      () => others().length === 0,
    )
  }

  /**
   * Reads what the relay, which must not be running, has on its disk: from a copy, so that the
   * relay finds its database just as it left it.
   */
  async readRelay(): Promise<Holding> {
    const copy = `${this.relay.directory}-copy`
    await cp(this.relay.directory, copy, { recursive: true })
    try {
      return await readHolding({ directory: copy, actor: 'coordinator', ...this.#shelves })
    } finally {
      await rm(copy, { recursive: true, force: true })
    }
  }

  /** Ends every process that is left, and removes the directories. */
  async clear(): Promise<void> {
    // Whoever still waits, or would start something, is told first.
    this.watch.fail(new Error('the demo has ended'))
    await Promise.all([this.relay.clear(), ...this.members.map(member => member.clear())])
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Makes the directory of all others, and deals the sections out in turn; starts nothing. */
export async function prepareFleet(options: FleetOptions): Promise<Fleet> {
  const { dist, sections, agents, isPeerToPeer, onChange } = options
  const directory = await mkdtemp(join(tmpdir(), 'statemesh-demo-'))
  const files = [...new Set(sections.map(({ file }) => file))]
  const sectionIds = sections.map(({ id }) => id)
  const onLost = (error: Error) => fleet.watch.fail(error)
  const relay = new RelayProcess({ dist, directory: join(directory, 'relay'), onLost })
  const members = agents.map((name, place) => {
    const share = sections.filter((_, index) => index % agents.length === place)
    return new Member({
      dist,
      assignment: { name, directory: join(directory, name), share, sectionIds, files, agents },
      proxy: new FaultProxy(() => relay.port),
      ...(isPeerToPeer && { peers: () => fleet.members.flatMap(({ address }) => address ?? []) }),
      pauseMilliseconds: workMilliseconds / Math.ceil(sections.length / agents.length),
      onChange: () => {
        fleet.watch.changed()
        onChange(fleet)
      },
      onLost,
    })
  })
  const fleet = new Fleet(directory, { files, agents }, relay, members, isPeerToPeer)
  return fleet
}
