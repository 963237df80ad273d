/**
 * Whether a link is a branch of the tree along which the news of a document travel. Where a mesh has
 * other ways, the copies of an update cross on some links: both ends have it from elsewhere. Each end sees
 * that for itself, and the links on which they did not cross the last time connect all replicas. (Leitão,
 * Pereira and Rodrigues, Epidemic Broadcast Trees, 2007, have the same tree, and messages to prune it.)
 *
 * The news of each writer have a tree of their own. Where many write at a time only those of one tell, the
 * same one for all replicas: links of several trees would be none.
 */

/** After so many updates without one of a writer, another one's tell. */
const othersMax = 64

export class Branch {
  #isOne = true
  /** The writer whose updates tell. */
  #root = -1
  #others = 0
  /** The number of the last one that was sent, which the peer may have from elsewhere. */
  #out: number | undefined

  /** Whether the peer is likely to have nothing of what is news here, or to bring what is. */
  get isOne(): boolean {
    return this.#isOne
  }

  /** An update of a writer was sent. */
  sent(writer: number, seq: number): void {
    if (this.#tells(writer)) this.#out = seq
  }

  /** The peer has what was sent up to a number. If it had sent it too, that would have come before. */
  acked(seq: number): void {
    if (this.#out === undefined || seq < this.#out) return
    this.#isOne = true
    this.#out = undefined
  }

  /** The peer has sent an update of a writer, which was news here or not. */
  received(writer: number, isNews: boolean): void {
    if (this.#tells(writer)) this.#set(isNews)
  }

  /** The peer has announced what is here. */
  held(): void {
    this.#set(false)
  }

  /** The peer has asked for what was announced to it. */
  asked(): void {
    this.#isOne = true
  }

  #set(isOne: boolean): void {
    this.#isOne = isOne
    this.#out = undefined
  }

  /** Everybody settles on the writer with the highest id; -1 is none. */
  #tells(writer: number): boolean {
    if (writer < 0) return false
    this.#others += 1
    if (writer < this.#root && this.#others <= othersMax) return false
    this.#root = writer
    this.#others = 0
    return true
  }
}
