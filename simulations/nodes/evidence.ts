/** What the machines of a run gather together, and checkers judge by. */
import { AckedClocks, type Keeper } from '../checkers/durability.ts'
import { CausalHistory } from '../oracle/causal-history.ts'

export class Evidence {
  /** What flushes acknowledged as durable at the relay. */
  readonly durable: AckedClocks = new AckedClocks()
  /** What flushes acknowledged as on the disks of several machines. */
  readonly replicated: AckedClocks = new AckedClocks()
  /** All that have a disk. */
  readonly keepers: Keeper[] = []
  /** What writers had seen when they wrote. */
  readonly history: CausalHistory = new CausalHistory()
  /** The machines whose disks lost, by a fault, what was durable there. */
  readonly losses: Set<string> = new Set()
  /** Whether links have carried messages as if they were datagrams. */
  disorder = false
  /** Whether a stranger has sent replicas what no honest one sends. */
  strangers = false
}
