/** Presence leaves no trace: it goes by the name of a document in which nobody ever writes. */
import type { Disk } from '../world/disk.ts'
import { Violation } from './violation.ts'

/** @throws Violation where a disk has something under such a name */
export function checkNoTrace(where: string, disk: Disk): void {
  for (const document of disk.documents()) {
    if (!document.endsWith('/presence') || disk.log(document).length === 0) continue
    throw new Violation('no trace', `the disk of ${where} has something of ${document}`)
  }
}
