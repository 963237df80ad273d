/**
 * A worker with a replica of its own, on the store that its name says, a peer of the page that has
 * started it: it answers greetings.
 */
import { createPortNetwork, definePartition, openReplica, room } from '../../../src/index.ts'

const replica = await openReplica({
  actor: 'worker',
  storage: self.name,
  peers: [{ address: 'port:page', transport: createPortNetwork(self) }],
})
const Notes = definePartition<string>({ name: 'notes', policy: 'last-write-wins' })
const notes = await replica.open(room('r1'), Notes)
notes.subscribe(changes => {
  for (const { key, value, origin } of changes) {
    if (origin === 'remote' && key === 'greeting') notes.set('answer', `${value}, too`)
  }
})
