/**
 * The thread of `merge-thread.ts`. Nobody waits for it, so it gives way to the rest of the process
 * where they share a core: at equal priority every slice of it would delay acks by milliseconds.
 */
import { present } from '../base/assert.ts'
import { toStatemeshError } from '../base/error.ts'
import { builtinModule } from '../base/platform.ts'
import { mergeLog } from './merge-log.ts'
import type { MergeReply, MergeRequest } from './merge-thread.ts'

interface Threads {
  parentPort: {
    on(event: 'message', listener: (request: MergeRequest) => void): void
    postMessage(reply: MergeReply): void
  } | null
}

interface Os {
  constants: { priority: { PRIORITY_LOW: number } }
  platform(): string
  setPriority(priority: number): void
}

const port = present(
  builtinModule<Threads>('worker_threads')?.parentPort,
  'not started as a thread',
)

// On Linux this is the priority of the thread, elsewhere that of the whole process.
const os = builtinModule<Os>('os')
if (os?.platform() === 'linux') os.setPriority(os.constants.priority.PRIORITY_LOW)

port.on('message', request => port.postMessage(answer(request)))

function answer({ bytes, lengths }: MergeRequest): MergeReply {
  const updates: Uint8Array[] = []
  let offset = 0
  for (const length of lengths) {
    updates.push(bytes.subarray(offset, offset + length))
    offset += length
  }
  try {
    return { merged: mergeLog(updates) }
  } catch (thrown) {
    const { code, message } = toStatemeshError(thrown, 'UPDATE_INVALID')
    return { code, message }
  }
}
