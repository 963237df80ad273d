/**
 * Permissions: the relay asks for tokens, which expire and are revoked, and what they grant is given
 * and taken while replicas are connected. Everybody writes everywhere: it goes out when it may.
 */
import { documentName } from '../../src/model/document-name.ts'
import { definePartition } from '../../src/model/partition-definition.ts'
import { room } from '../../src/model/scope.ts'
import type { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import type { Grant } from '../../src/trust/grants.ts'
import type { Authority } from '../nodes/authority.ts'
import type { Player, Seat, Workload } from './workload.ts'

const scope = room('vault')

const definitions = ['letters', 'ledgers', 'plans'].map(name =>
  definePartition<number, 'last-write-wins'>({ name, policy: 'last-write-wins' }),
)

/** What may be granted: some of it another workload may be there for. */
const grantable = [...definitions.map(({ name }) => name), 'presence']

const everything: readonly Grant[] = [{ scope: '*', partition: '*', rights: 'write' }]

export const permissions: Workload = {
  name: 'permissions',
  guarded: true,
  plan(dice) {
    let last = 0
    const fresh = () => {
      last += 1
      return last
    }
    const seconds = dice.pick([2, 5, 60])
    return {
      async join(seat) {
        const { guard } = seat
        if (guard === undefined) throw new Error('the workload permissions needs a guarded relay')
        guard.authority.seconds = seconds
        const partitions: RegisterPartition<number>[] = []
        for (const definition of definitions) {
          const { partition, doc } = await seat.open(scope, definition)
          guard.content.watch(seat.name, documentName(scope, definition.name), doc)
          partitions.push(partition)
        }
        return new PermissionsPlayer(seat, guard.authority, partitions, fresh)
      },
    }
  },
}

class PermissionsPlayer implements Player {
  readonly #seat: Seat
  readonly #authority: Authority
  readonly #partitions: readonly RegisterPartition<number>[]
  readonly #fresh: () => number

  constructor(
    seat: Seat,
    authority: Authority,
    partitions: readonly RegisterPartition<number>[],
    fresh: () => number,
  ) {
    this.#seat = seat
    this.#authority = authority
    this.#partitions = partitions
    this.#fresh = fresh
  }

  act(): void {
    const { dice, name, marks } = this.#seat
    const choice = dice.below(20)
    if (choice < 15) {
      dice.pick(this.#partitions).set(`key-${dice.below(8)}`, this.#fresh())
    } else if (choice < 17) {
      this.#authority.grant(name, this.#drawGrants())
      marks.hit('grants changed')
    } else if (choice < 18) {
      this.#authority.revoke(name)
    } else {
      this.#reconnect()
    }
  }

  look(): void {
    // What comes is judged when it comes.
  }

  view(): string {
    return this.#partitions
      .map(partition => {
        const keys = [...partition.keys()].sort()
        return keys.map(key => `${key}=${partition.get(key)}`).join(' ')
      })
      .join('\n')
  }

  /** In the end everybody may do everything, so that all can agree. */
  async settle(): Promise<void> {
    this.#authority.seconds = 3600
    this.#authority.grant(this.#seat.name, everything)
    this.#reconnect()
  }

  #reconnect(): void {
    const { replica } = this.#seat
    replica.disconnect()
    replica.connect()
  }

  #drawGrants(): Grant[] {
    const { dice } = this.#seat
    return grantable.flatMap(name => {
      const right = dice.pick(['read', 'write', 'write', undefined] as const)
      return right === undefined ? [] : [{ scope: `${scope}`, partition: name, rights: right }]
    })
  }
}
