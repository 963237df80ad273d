/** What the tests ask pages to do, with the library as it is bundled for them. */
import {
  definePartition,
  openReplica,
  type Presence,
  type Replica,
  type ReplicaStatus,
  room,
} from '../../../src/index.ts'
import { platformSteps } from './platform-steps.ts'
import { stateSteps } from './state-steps.ts'
import { storageSteps } from './storage-steps.ts'

const Notes = definePartition<string>({ name: 'notes', policy: 'last-write-wins' })

export interface OpenStep {
  readonly storage: string
  readonly relay?: string
  readonly token?: string
}

let replica: Replica | undefined
let presence: Presence | undefined

function opened(): Replica {
  if (replica === undefined) throw new Error('no replica is open')
  return replica
}

const scope = room('r1')
const notes = () => opened().open(scope, Notes)

const replicaSteps = {
  async open(options: OpenStep): Promise<void> {
    replica = await openReplica({ actor: 'page', ...options })
  },
  /** False in a page that was loaded anew. */
  isOpen(): boolean {
    return replica !== undefined
  },
  async close(): Promise<void> {
    await opened().close()
  },
  async set(key: string, value: string): Promise<void> {
    ;(await notes()).set(key, value)
  },
  async entries(): Promise<{ [key: string]: string }> {
    return Object.fromEntries((await notes()).entries())
  },
  async flush(level: 'local' | 'durable'): Promise<void> {
    await opened().flush({ level })
  },
  async synced(): Promise<void> {
    await opened().synced()
  },
  status(): ReplicaStatus {
    return opened().status
  },
  async putBlob(text: string): Promise<string> {
    const blobs = opened().blobs.of(scope, Notes)
    return JSON.stringify(await blobs.put(new TextEncoder().encode(text)))
  },
  async blob(ref: string): Promise<string> {
    const blobs = opened().blobs.of(scope, Notes)
    return new TextDecoder().decode(await blobs.get(JSON.parse(ref)))
  },
  async beHere(role: string): Promise<void> {
    presence = await opened().presence(scope)
    presence.set({ role })
  },
  rolesHere(): (string | undefined)[] {
    return presence?.members().map(({ role }) => role) ?? []
  },
}

export const steps: typeof replicaSteps &
  typeof stateSteps &
  typeof storageSteps &
  typeof platformSteps = {
  ...replicaSteps,
  ...stateSteps,
  ...storageSteps,
  ...platformSteps,
}
