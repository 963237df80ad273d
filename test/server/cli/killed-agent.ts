/** A process of its own that writes until it is killed; it prints a line when all was fsynced. */
import { agent, definePartition, openReplica, room } from '../../../src/index.ts'

const [, , storage = ''] = process.argv
const here = room('r1')
const replica = await openReplica({ actor: 'ann', storage })
const users = await replica.open(
  here,
  definePartition<unknown>({ name: 'users', policy: 'last-write-wins' }),
)
users.set('alice', { name: 'Alice', tags: new Set(['x']), since: new Date(5), big: 2n ** 70n })
await replica.flush({ level: 'local' }) // what one turn writes is one update
users.set('bob', 1)
await replica.flush({ level: 'local' })
users.delete('bob')
const events = await replica.open(here, definePartition<string>({ name: 'events', policy: 'log' }))
events.append('began')
const hits = await replica.open(here, definePartition({ name: 'hits', policy: 'counter' }))
hits.increment('page', 3)
const spend = await replica.open(
  agent('team'),
  definePartition({ name: 'spend', policy: 'budget' }),
)
await spend.mint('tokens', 10)
const notes = await replica.open(agent('team'), definePartition({ name: 'notes', policy: 'crdt' }))
notes.text('t').insert(0, 'hello')
await replica.flush({ level: 'local' })
process.stdout.write('durable\n')
for (let index = 0; ; index++) {
  events.append(`more ${index}`)
  if (index % 50 === 0) await replica.flush({ level: 'local' })
}
