/** Who has said what about itself in a run, in which order, and who is not there any more. */
import type { DocumentName } from '../../src/model/document-name.ts'
import type { PresenceMember } from '../../src/sync/presence-board.ts'

/** The replica of a machine from its start to its end. */
export interface Shift {
  over: boolean
}

/** One member, from when it entered until it left. */
export interface Stay {
  readonly id: number
  /** The machine whose replica speaks for it. */
  readonly machine: string
  readonly document: DocumentName
  /** Whose presence it is by its own account. */
  readonly actor: string
  readonly shift: Shift
  /** What it said, as `wordOf` puts it, and when. */
  readonly said: { readonly word: string; readonly at: number }[]
  left: boolean
}

/** Role and state in one. */
export function wordOf({ role, state }: Partial<PresenceMember>): string {
  return JSON.stringify([role, state])
}

export class SaidPresence {
  readonly #stays = new Map<number, Stay>()
  readonly #shifts = new Map<string, Shift>()

  /** The replica of a machine has started: all that an earlier one spoke for are gone. */
  started(machine: string): Shift {
    const before = this.#shifts.get(machine)
    if (before !== undefined) before.over = true
    const shift = { over: false }
    this.#shifts.set(machine, shift)
    return shift
  }

  entered(member: Pick<Stay, 'id' | 'machine' | 'document' | 'actor' | 'shift'>): Stay {
    const stay: Stay = { ...member, said: [], left: false }
    this.#stays.set(stay.id, stay)
    return stay
  }

  stay(id: number): Stay | undefined {
    return this.#stays.get(id)
  }

  /** Those who are there, and have said something. */
  present(document: DocumentName): Stay[] {
    return [...this.#stays.values()].filter(
      stay => stay.document === document && isPresent(stay) && stay.said.length > 0,
    )
  }
}

function isPresent({ left, shift }: Stay): boolean {
  return !left && !shift.over
}
