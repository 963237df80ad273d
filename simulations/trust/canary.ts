/** The canary: a bug of the world itself, which every run that matters must find. */
import type { Fleet } from '../nodes/fleet.ts'

/** The disk of the relay, or of a replica where there is none, says that it has written what it has not. */
export function plantCanary({ nodes }: Fleet): void {
  nodes[0]?.disk.lie()
}
