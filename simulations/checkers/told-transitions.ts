/**
 * A transition that was told is there: those that ended here are on this disk and stay, and each is
 * told once.
 */
import { Violation } from './violation.ts'

/**
 * @param options.ended those that ended at this replica, in this life or an earlier one
 * @param options.told those that this process was told of
 * @param options.recorded those in the log of transitions
 */
export function checkTransitions(
  where: string,
  { ended, told, recorded }: Record<'ended' | 'told' | 'recorded', Iterable<number>>,
): void {
  const broken = (why: string) => new Violation('told transitions', `${where}: ${why}`)
  const there = new Set(recorded)
  for (const n of ended) {
    if (!there.has(n)) throw broken(`transition ${n} had ended and is not recorded`)
  }
  const seen = new Set<number>()
  for (const n of told) {
    if (seen.has(n)) throw broken(`transition ${n} is told twice`)
    if (!there.has(n)) throw broken(`transition ${n} is told and not recorded`)
    seen.add(n)
  }
}
