/** Lets a world go on by itself, for suites that wait for it without knowing that it is one. */
import type { World } from '../../../simulations/world/world.ts'

/** Lets events happen as they come, until the returned function is called. */
export function runFreely(world: World): () => void {
  let stopped = false
  const go = async () => {
    while (!stopped) {
      await world.run(() => stopped)
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  void go()
  return () => {
    stopped = true
  }
}
