/**
 * Causality: nobody sees an effect without its cause. When a change of a document arrives somewhere,
 * so has all that its writer had seen of that document.
 */
import type * as Y from 'yjs'
import type { CausalHistory } from '../oracle/causal-history.ts'
import { lacks, liveClocks } from '../oracle/document-clocks.ts'
import { Violation } from './violation.ts'

/**
 * Looks at what each transaction brings, from now on.
 *
 * @param onViolation is told, since an observer of a document must not throw
 */
export function watchCausality(
  { where, document, doc }: { where: string; document: string; doc: Y.Doc },
  history: CausalHistory,
  onViolation: (violation: Violation) => void,
): void {
  const known = liveClocks(doc)
  doc.on('afterTransaction', ({ local, beforeState, afterState }: Y.Transaction) => {
    if (local) return
    for (const [writer, to] of afterState) {
      const from = beforeState.get(writer) ?? 0
      if (from === to) continue
      for (const { end, seen } of history.between(document, writer, from, to)) {
        const lacking = lacks(known, seen)
        if (lacking === undefined) continue
        const what = `${where}, ${document}: sees ${writer} up to ${end}`
        return onViolation(new Violation('causality', `${what}, but ${lacking}`))
      }
    }
  })
}
