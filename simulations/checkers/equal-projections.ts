/**
 * Projections are functions of their events: folded again they give the same bytes, and so they do
 * wherever the same events are.
 */
import { Violation } from './violation.ts'

interface CheckedProjection {
  digest(): string
  check(): { readonly same: boolean; readonly digest: string; readonly expected: string }
}

/** The digests of a view that were seen, by the events that it was made of. */
export class SeenProjections {
  readonly #digests = new Map<string, { readonly digest: string; readonly where: string }>()

  /** @param events stands for the events that are here, and for no others */
  check(where: string, projection: CheckedProjection, events: string): void {
    const { same, digest, expected } = projection.check()
    if (!same) {
      const message = `${where}: the view is ${digest}, folded again ${expected}`
      throw new Violation('equal projections', message)
    }
    const seen = this.#digests.get(events)
    if (seen === undefined) this.#digests.set(events, { digest, where })
    else if (seen.digest !== digest) {
      const message = `${where} and ${seen.where} have the same events, and other views`
      throw new Violation('equal projections', message)
    }
  }
}

/** A reader who was told of every event has been told of each once, and of all that are there. */
export function checkDelivery(
  where: string,
  told: readonly string[],
  there: Iterable<string>,
): void {
  const broken = (why: string) => new Violation('complete delivery', `${where}: ${why}`)
  const names = new Set(told)
  if (names.size !== told.length) throw broken('a subscriber was told of an event twice')
  for (const name of there) {
    if (!names.delete(name)) throw broken(`a subscriber was not told of ${name}`)
  }
  if (names.size > 0) throw broken('a subscriber was told of an event that is not there')
}
