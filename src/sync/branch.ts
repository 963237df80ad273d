/**
 * Whether a link is a branch of the tree along which the news of a document travel. Where a mesh has
 * other ways, the copies of an update cross on some links: both ends have it from elsewhere. Each end sees
 * that for itself, and the links on which they did not cross the last time connect all replicas. (Leitão,
 * Pereira and Rodrigues, Epidemic Broadcast Trees, 2007, have the same tree, and messages to prune it.)
 */
export class Branch {
  #isOne = true
  /** Whether a copy was sent that the peer may have from elsewhere. */
  #isOut = false

  /** Whether the peer is likely to have nothing of what is news here, or to bring what is. */
  get isOne(): boolean {
    return this.#isOne
  }

  /** An update was sent. */
  sent(): void {
    this.#isOut = true
  }

  /** The peer has what was sent, and has not sent it too. */
  acked(): void {
    if (this.#isOut) this.#isOne = true
    this.#isOut = false
  }

  /** The peer has sent something, which was news here or not. */
  received(isNews: boolean): void {
    this.#isOne = isNews
    this.#isOut = false
  }

  /** The peer has asked for what was announced to it. */
  asked(): void {
    this.#isOne = true
  }
}
