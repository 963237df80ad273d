/** The canary: a bug of the world itself, which every run that matters must find. */
import type { Fleet } from '../nodes/fleet.ts'

/** The disk of the relay says that it has written what it has not. */
export function plantCanary({ relay }: Fleet): void {
  relay.disk.lie()
}
