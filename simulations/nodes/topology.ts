/**
 * Who is linked with whom. `relay`: all with the relay alone. `mesh`: all with the relay, and with
 * peers. `bridge`: all with peers, and only some with the relay, by whom the others reach it. `peers`: with
 * one another, and there is no relay in the world.
 */
export const topologies = ['relay', 'mesh', 'bridge', 'peers'] as const
export type Topology = (typeof topologies)[number]
