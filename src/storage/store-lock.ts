/**
 * Keeps the tabs and workers of a site from having one store open at the same time: each would write
 * with the same clientID, and Yjs would take the writes of one for those of the other, for ever. What
 * LevelDB's lock is in Node is a Web Lock in a browser, which lets it go too when a tab dies.
 */
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { TimeSource } from '../base/time.ts'

/** A page that was left a moment ago may hold its lock for some milliseconds more. */
const patienceMilliseconds = 1_000

/**
 * Resolves, with what lets it go, when the lock is held.
 *
 * @throws STORAGE_LOCKED where somebody else holds it; STORAGE_UNAVAILABLE where the platform has no locks,
 * as on pages that did not come over https: what is lost without one would be lost silently
 */
export async function lockStore(name: string, time: TimeSource): Promise<() => Promise<void>> {
  const locks = lockManager()
  const patience = new AbortController()
  const message = 'this page, another tab or a worker has the store open'
  const cancelTimeout = time.after(patienceMilliseconds, () => {
    patience.abort(new StatemeshError('STORAGE_LOCKED', message))
  })
  try {
    return await request(locks, name, patience.signal)
  } catch (thrown) {
    throw toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
  } finally {
    cancelTimeout()
  }
}

function request(
  locks: LockManager,
  name: string,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  return new Promise((resolve, reject) => {
    // It is held for as long as the promise that comes back is pending.
    const hold = () => new Promise<void>(release => resolve(() => letGo(release)))
    const held = locks.request(name, { signal }, hold)
    held.catch(reject)
    const letGo = async (release: () => void) => {
      release()
      await held
    }
  })
}

function lockManager(): LockManager {
  const locks = globalThis.navigator?.locks as LockManager | undefined
  if (locks) return locks
  const message = 'navigator.locks is missing: the page has to come over https, or from localhost'
  throw new StatemeshError('STORAGE_UNAVAILABLE', message)
}
