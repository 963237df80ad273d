/** The policy `last-write-wins`: the first sibling in their order, be it a deletion. */
import type { Policy } from './policy.ts'

export const lastWriteWins: Policy = siblings => siblings[0]?.value
