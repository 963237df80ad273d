/**
 * A grant in one word of the command line: `<right>:<scope>/<partition>`, such as
 * `write:agent:a1/users`, `read:global/*`, `write:stock/my-doc`, `admin:* /*` (without the space).
 */
import { StatemeshError } from '../../src/base/error.ts'
import { type Grant, Grants, type Right } from '../../src/trust/grants.ts'

/** @throws OPTION_INVALID */
export function parseGrantText(text: string): Grant {
  const colon = text.indexOf(':')
  const rest = text.slice(colon + 1)
  // A stock name may hold slashes; the partition of a scope never does.
  const slash = rest.startsWith('stock/') ? 'stock'.length : rest.lastIndexOf('/')
  if (colon < 0 || slash < 0) {
    throw new StatemeshError('OPTION_INVALID', `${text} is not <right>:<scope>/<partition>`)
  }
  const rights = text.slice(0, colon) as Right
  const grant: Grant = { scope: rest.slice(0, slash), partition: rest.slice(slash + 1), rights }
  new Grants([grant]) // refuses what is none
  return grant
}
