/** Operations that may be refused, for reasons that a workload knows. */
import { StatemeshError } from '../../src/base/error.ts'
import type { Marks } from '../world/marks.ts'

/** What any operation may answer that waits for the disk of a machine that fails or stops. */
export const machineCodes: readonly string[] = ['STORAGE_UNAVAILABLE', 'CLOSED']

/** Does something and answers whether it was done; a refusal with one of the codes is counted. */
export function allowing(codes: readonly string[], marks: Marks, act: () => void): boolean {
  try {
    act()
    return true
  } catch (thrown) {
    countRefusal(codes, marks, thrown)
    return false
  }
}

/** As `allowing`, for what takes its time. */
export async function allowingLater(
  codes: readonly string[],
  marks: Marks,
  act: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await act()
    return true
  } catch (thrown) {
    countRefusal(codes, marks, thrown)
    return false
  }
}

function countRefusal(codes: readonly string[], marks: Marks, thrown: unknown): void {
  if (!(thrown instanceof StatemeshError) || !codes.includes(thrown.code)) throw thrown
  marks.hit(`refused ${thrown.code}`)
}
