/**
 * Nothing readable without a grant: what a replica holds of others came to it while a token of its
 * own let it read, and left its writer while a token of that one let it write.
 */
import type * as Y from 'yjs'
import type { DocumentName } from '../../src/model/document-name.ts'
import { Grants, includesRight, type Right } from '../../src/trust/grants.ts'
import type { Authority, IssuedToken } from '../nodes/authority.ts'
import { copyClocks } from '../oracle/document-clocks.ts'
import type { World } from '../world/world.ts'
import { Violation } from './violation.ts'

/** What one writer number stands for in a document. */
interface Writer {
  readonly author: string
  /** When it had written up to which clock, the earliest first. */
  readonly writes: { readonly end: number; readonly at: number }[]
}

export interface GrantedContentOptions {
  world: World
  authority: Authority
  /** The machines whose disks lost data: a relay forgets revocations with it. */
  losses: ReadonlySet<string>
}

export class GrantedContent {
  readonly #options: GrantedContentOptions
  readonly #writers = new Map<string, Writer>()
  /** What is known at a replica of a document, and was judged. */
  readonly #judged = new Map<string, Map<number, number>>()

  constructor(options: GrantedContentOptions) {
    this.#options = options
  }

  /** Judges what somebody has of a document now, and from now on whatever comes. */
  watch(reader: string, document: DocumentName, doc: Y.Doc): void {
    const { world } = this.#options
    const guarded = (judge: () => void) => {
      try {
        judge()
      } catch (thrown) {
        world.fail(thrown)
      }
    }
    guarded(() => this.#judge(reader, document, copyClocks(doc)))
    doc.on('afterTransaction', ({ local, afterState }: Y.Transaction) => {
      const { clientID } = doc
      if (local) this.#wrote(reader, document, clientID, afterState.get(clientID) ?? 0)
      else guarded(() => this.#judge(reader, document, afterState))
    })
  }

  /** In the time of the world. */
  get now(): number {
    return this.#options.world.now
  }

  /** Judges what somebody is shown of what another said about itself at a moment; whoever may read takes part. */
  judgeSaid(
    { reader, author, document }: { reader: string; author: string; document: DocumentName },
    at: number,
  ): void {
    this.#options.world.marks.hit('presence came by a grant')
    this.#expect(reader, 'read', document, at, `is shown what ${author} said`)
    this.#expect(author, 'read', document, at, `said what ${reader} is shown`)
  }

  #wrote(author: string, document: DocumentName, writer: number, end: number): void {
    const key = `${document} ${writer}`
    const known = this.#writers.get(key) ?? { author, writes: [] }
    this.#writers.set(key, known)
    if (end > (known.writes.at(-1)?.end ?? 0)) known.writes.push({ end, at: this.now })
  }

  #judge(reader: string, document: DocumentName, clocks: ReadonlyMap<number, number>): void {
    const place = `${reader} ${document}`
    const judged = this.#judged.get(place) ?? new Map<number, number>()
    this.#judged.set(place, judged)
    for (const [writer, clock] of clocks) {
      if (clock <= (judged.get(writer) ?? 0)) continue
      judged.set(writer, clock)
      this.#judgeNews(reader, document, writer, clock)
    }
  }

  #judgeNews(reader: string, document: DocumentName, writer: number, clock: number): void {
    const known = this.#writers.get(`${document} ${writer}`)
    // The last of what came was written last: a token that let it through was good after that.
    const at = known?.writes.find(({ end }) => end >= clock)?.at
    if (known === undefined || at === undefined) {
      throw new Violation('granted content', `${reader}, ${document}: nobody wrote ${writer}`)
    }
    const { author } = known
    if (author === reader) return
    this.#options.world.marks.hit('content came by a grant')
    this.#expect(reader, 'read', document, at, `holds what ${author} wrote`)
    this.#expect(author, 'write', document, at, `wrote what ${reader} holds`)
  }

  #expect(who: string, right: Right, document: DocumentName, since: number, what: string): void {
    const tokens = this.#options.authority.issued(who)
    if (tokens.some(token => this.#allowed(token, right, document, since))) return
    const when = `between ${since.toFixed(1)} and ${this.now.toFixed(1)} ms`
    const message = `${who} ${what} of ${document}: no token let it ${right} ${when}`
    throw new Violation('granted content', message)
  }

  #allowed(token: IssuedToken, right: Right, document: DocumentName, since: number): boolean {
    const { losses } = this.#options
    const until = losses.has('relay') ? token.until : Math.min(token.until, token.revoked)
    if (until < since || token.from > this.now) return false
    return includesRight(new Grants(token.grants).right(document), right)
  }
}
