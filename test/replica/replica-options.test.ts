/** What users get wrong when they open a replica or a partition: a code, and nothing begun. */
import { describe, expect, it } from 'vitest'
import {
  createMemoryStorage,
  definePartition,
  openReplica,
  type Replica,
  type ReplicaOptions,
  room,
  type Scope,
} from '../../src/index.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const Users = definePartition({ name: 'users', policy: 'last-write-wins' })

/** As JavaScript would pass it. */
const loosely = (options: unknown) => openReplica(options as ReplicaOptions)

describe('openReplica', () => {
  const storage = createMemoryStorage()

  it.each([
    ['no options', undefined],
    ['no storage', { actor: 'a' }],
    ['an empty directory name', { actor: 'a', storage: '' }],
    ['a storage that is none', { actor: 'a', storage: {} }],
    ['an option that there is not', { actor: 'a', storage, rely: 'ws://127.0.0.1:4100' }],
    ['an HTTP address of a relay', { actor: 'a', storage, relay: 'http://127.0.0.1:4100' }],
    ['a relay that is no URL', { actor: 'a', storage, relay: '' }],
    ['peers that are no list', { actor: 'a', storage, peers: 'ws://127.0.0.1:4101' }],
    ['a peer that is no URL', { actor: 'a', storage, peers: ['127.0.0.1:4101'] }],
    ['a time that is none', { actor: 'a', storage, idleMilliseconds: '5' }],
    ['a negative time', { actor: 'a', storage, blobGraceMilliseconds: -1 }],
    ['a compaction at every update', { actor: 'a', storage, compactionUpdates: 1 }],
    ['a peer that is no address', { actor: 'a', storage, peers: [4101] }],
    ['half a link', { actor: 'a', storage, listen: { port: 0 }, links: { max: 3.5 } }],
    ['a misspelt number of links', { actor: 'a', storage, peers: [], links: { most: 3 } }],
    ['a misspelt port', { actor: 'a', storage, listen: { prot: 4101 } }],
    ['a port that there is not', { actor: 'a', storage, listen: { port: 70_000 } }],
    ['one such port of several', { actor: 'a', storage, listen: [{ port: 0 }, { port: -1 }] }],
    ['a verifier that verifies nothing', { actor: 'a', storage, tokens: {} }],
    ['a token that is none', { actor: 'a', storage, token: 5 }],
    ['a misspelt option of health', { actor: 'a', storage, health: { every: 5 } }],
    ['a figure that there is not', { actor: 'a', storage, health: { thresholds: { load: {} } } }],
  ])('refuses %s', async (_, options) => {
    await expect(loosely(options)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  it('leaves the directory alone where it refuses', async () => {
    const directory = await temporaryDirectory()
    const options = { storage: directory, actor: 'a', compactionUpdates: 0 }
    await expect(loosely(options)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await (await openReplica({ storage: directory, actor: 'a' })).close()
  })
})

describe('a replica', () => {
  const refusals: [string, string, (replica: Replica) => Promise<unknown>][] = [
    [
      'SCOPE_INVALID',
      'the text of a scope',
      replica => replica.open('room:r1' as unknown as Scope, Users),
    ],
    [
      'PARTITION_INVALID',
      'no definition',
      replica => replica.open(room('r1'), undefined as unknown as typeof Users),
    ],
    [
      'PARTITION_INVALID',
      'a policy that there is not',
      replica => replica.open(room('r1'), { ...Users, policy: 'newest' as 'last-write-wins' }),
    ],
    [
      'OPTION_INVALID',
      'a level that there is not',
      replica => replica.flush({ level: 'safe' as 'local' }),
    ],
    [
      'OPTION_INVALID',
      'a timeout that is none',
      replica => replica.flush({ level: 'local', timeoutMilliseconds: Number.NaN }),
    ],
    [
      'OPTION_INVALID',
      'a listener that is none',
      async replica => replica.on('warning', undefined as unknown as () => void),
    ],
  ]

  it.each(refusals)('answers %s to %s', async (code, _, act) => {
    const replica = await openReplica({ actor: 'a', storage: createMemoryStorage() })
    await expect(act(replica)).rejects.toMatchObject({ code })
    await replica.close()
  })
})
