/**
 * The port over which layered stores tell one another what they have written or removed, so that
 * none answers with its own older copy.
 *
 * - B1. What was announced reaches every store that listens, also one that was away meanwhile, in
 *   the order in which it was announced; the announcing store may hear it too, and some may come
 *   twice.
 * - B2. Where more was announced than is kept for who was away, that store is told so (`missed`).
 * - B3. A failed announcement rejects; it may be announced again.
 */
import type { LayerStamp } from './layer.ts'

/** Records of the keys that match `pattern` and that are older than `stamp` are no longer valid. */
export interface Invalidation {
  readonly pattern: string
  readonly stamp: LayerStamp
}

export interface InvalidationListener {
  invalidated(invalidations: readonly Invalidation[]): void
  missed(): void
}

export interface InvalidationBus {
  /** Calls the listener from now on, beginning with what is kept from before. Called once. */
  listen(listener: InvalidationListener): void
  /** @throws LAYER_UNAVAILABLE, CLOSED */
  announce(invalidations: readonly Invalidation[]): Promise<void>
  close(): Promise<void>
}
