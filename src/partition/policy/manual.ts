/**
 * The policy `manual`: who has a write of their own among the siblings goes on reading it until
 * somebody resolves the conflict; everybody else reads what would win by order.
 */
import { lastWriteWins } from './last-write-wins.ts'
import type { Policy } from './policy.ts'

export const manual: Policy = (siblings, reader) => {
  const own = siblings.find(sibling => sibling.actor === reader)
  return own === undefined ? lastWriteWins(siblings, reader) : own.value
}
