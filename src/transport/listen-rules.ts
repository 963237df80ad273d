/** Where one may listen: on what is a port, and beyond this machine only where somebody is asked. */
import { StatemeshError } from '../base/error.ts'

/** Whether a host, as a name or an address, is this machine alone. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  return (
    bare === 'localhost' ||
    bare.endsWith('.localhost') ||
    bare === '::1' ||
    /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/.test(bare)
  )
}

const portMax = 65_535

/** @throws OPTION_INVALID for what is no number of a port */
export function checkPort(port: number): void {
  if (Number.isInteger(port) && port >= 0 && port <= portMax) return
  throw new StatemeshError('OPTION_INVALID', `a port is a number from 0 to ${portMax}`)
}

/** Whether those who come are asked who they are. */
export interface Guard {
  asksForTokens: boolean
  /** That nobody is asked is meant. */
  insecure: boolean
}

/** @throws OPTION_INVALID for a host that would be open to all */
export function refuseOpenHost(host: string, { asksForTokens, insecure }: Guard): void {
  if (asksForTokens || insecure || isLoopback(host)) return
  const why = `everybody who can reach ${host} could read and write all: ask for tokens, or say so`
  throw new StatemeshError('OPTION_INVALID', why)
}
